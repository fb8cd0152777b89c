#!/usr/bin/env bash
# Calls a plugin for many pods at once, and waits for all of them:
#
#   burst.sh INPUT FOLDER PODS PROGRAM
#   1795555849595175 0 1795555849697333
#
# That is the start in microseconds, how many failed, and the end. The file PODS has the path of a network namespace
# in each line; what each call says goes to FOLDER.
input=$1 folder=$2 program=$4
mapfile -t pods <"$3"
failed=$folder/failed
: >"$failed"
start=${EPOCHREALTIME/[^0-9]/}
for n in "${!pods[@]}"; do
  {
    CNI_CONTAINERID=burst-$n CNI_NETNS=${pods[n]} "$program" <"$input" >"$folder/$n" 2>&1 || echo "$n" >>"$failed"
  } &
done
wait
end=${EPOCHREALTIME/[^0-9]/}
echo "$start" "$(wc -l <"$failed")" "$end"
