# Ends families of processes. A family is a process group, and every process that bears the family's mark in its
# environment: a child that left the group, or outlived its parent, was born with it.

# The living members of GROUP with MARK, one a line, some of them twice; a zombie is dead. Without /proc only the group
# is known.
family() {
  if [ ! -e /proc/self/stat ]; then
    kill -0 "-$1" 2>/dev/null && echo "-$1"
    return
  fi
  grep -lasF "EDGEPROOF_FAMILY=$2" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do echo "$pid"; done
  for file in /proc/[0-9]*/stat; do
    { read -r stat <"$file"; } 2>/dev/null || continue
    pid=${stat%% *}
    # Behind the name of the program: state, parent, group.
    set -- "$1" "$2" ${stat##*) }
    [ "$5" = "$1" ] && [ "$3" != Z ] && echo "$pid"
  done
}

# Asks GROUP with MARK to end, waits, and kills what is left.
end() {
  # Each is asked once: many programs take a second signal for impatience.
  kill -TERM $(family "$1" "$2" | sort -u) 2>/dev/null
  asked=0
  while left=$(family "$1" "$2"); [ -n "$left" ]; do
    # 2 seconds, and some for whoever is killed while it starts others.
    [ "$asked" -ge 40 ] && kill -KILL $left 2>/dev/null
    [ "$asked" -ge 80 ] && return 1
    asked=$((asked + 1))
    sleep 0.05
  done
  return 0
}
