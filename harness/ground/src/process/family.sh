# Ends families of processes. A family is a process group, and every process that bears the family's mark in its
# environment: a child that left the group, or outlived its parent, was born with it.

# The living members of GROUP with MARK, one a line, some of them twice; a zombie is dead. Without /proc only the group
# is known.
family() {
  if [ ! -e /proc/self/stat ]; then
    kill -0 "-$1" 2>/dev/null && echo "-$1"
    return
  fi
  {
    # Behind the name of the program, which may have anything in it: state, parent, group.
    grep -lasE "\) [^ZX] [0-9]+ $1 [^)]*$" /proc/[0-9]*/stat
    grep -lasF "EDGEPROOF_FAMILY=$2" /proc/[0-9]*/environ
  } | while IFS=/ read -r _ _ pid _; do echo "$pid"; done
}

# Asks GROUP with MARK to end, waits, and kills what is left.
end() {
  # Each is asked once: many programs take a second signal for impatience.
  kill -TERM $(family "$1" "$2" | sort -u) 2>/dev/null
  asked=$(date +%s)
  killed=0
  while left=$(family "$1" "$2"); [ -n "$left" ]; do
    # By the clock: a busy machine makes rounds of any length. Whole seconds differ by 3 after more than 2 of them.
    if [ $(($(date +%s) - asked)) -ge 3 ]; then
      kill -KILL $left 2>/dev/null
      # Some rounds for whoever is killed while it starts others.
      killed=$((killed + 1))
      [ "$killed" -ge 40 ] && return 1
    fi
    sleep 0.05
  done
  return 0
}
