# Reads `watch GROUP`, `forget GROUP`, `family GROUP:MARK`, `gone GROUP:MARK`, `end GROUP:MARK` and `remove DIRECTORY`
# lines; acts when its input ends, but for `end`, which it does at once. It ignores the signals a terminal sends to the whole foreground group, or Ctrl-C would
# end it before its work is done.
trap '' INT TERM HUP QUIT
groups=' '
families=' '
directories=''
without() { case $1 in *" $2 "*) printf '%s' "${1%%" $2 "*} ${1#*" $2 "}" ;; *) printf '%s' "$1" ;; esac; }
while read -r action subject; do
  case $action in
    watch) groups="$groups$subject " ;;
    forget) groups=$(without "$groups" "$subject") ;;
    family) families="$families$subject " ;;
    gone) families=$(without "$families" "$subject") ;;
    end)
      families=$(without "$families" "$subject")
      end "${subject%:*}" "${subject#*:}" &
      ;;
    remove) directories="$directories$subject
" ;;
  esac
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
for family in $families; do end "${family%%:*}" "${family#*:}" & done
wait
printf '%s' "$directories" | while read -r directory; do rm -rf -- "$directory"; done
