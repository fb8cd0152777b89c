#!/usr/bin/env bash
# Runs one program and tells how long it took:
#
#   stopwatch.sh INPUT OUTPUT PROGRAM [ARGUMENT...]
#   1795555849595175 0.002 0.000 0 1795555849697333
#
# That is the start in microseconds, user and system time in seconds with all children's, the status, and the end.
# It is bash because bash starts a program with as little fuss as a container runtime does, and knows rusage.
input=$1 output=$2
shift 2
TIMEFORMAT='%3U %3S'
start=${EPOCHREALTIME/[^0-9]/}
{ time "$@" <"$input" >"$output" 2>&1; } 2>"$output.time"
status=$? end=${EPOCHREALTIME/[^0-9]/}
echo "$start" $(<"$output.time") "$status" "$end"
