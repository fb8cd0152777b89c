#!/usr/bin/env bash
# Pings an address until it answers:
#
#   first-packet.sh ADDRESS
#   1795555849595175 1795555849597333 0.045
#
# That is when the first ping began and when the one began that was answered, in microseconds, and how long its answer
# took, in milliseconds. A kernel that has no source address yet, or no way, refuses at once, and is asked again.
start=${EPOCHREALTIME/[^0-9]/}
while
  begun=${EPOCHREALTIME/[^0-9]/}
  ! answer=$(ping -n -q -c 1 -W 5 "$1" 2>&1)
do :; done
[[ $answer =~ =\ ([0-9.]+)/ ]]
echo "$start" "$begun" "${BASH_REMATCH[1]}"
