#!/usr/bin/env bash
# The two calls of ip that wire a pod: floor.sh NETNS HOST-LINES POD-LINES
exec 3<"$1"
ip -batch "$2"
nsenter --net=/proc/self/fd/3 -- ip -batch "$3"
