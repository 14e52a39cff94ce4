#!/bin/sh
# Runs the house of a Matter network where nobody else is:
#
#   sh apart.sh node house.mjs '{…}'
#
# Matter finds devices by multicast on a link, which loopback does not carry, and two programs on one machine would take each
# other's answers. So there are two networks with a link between them: the house is in one (at `door`), and holds the other
# (at `wall`) open as its file 9, for the hub (hub.py). Both go with the last process in them. No rights are needed where a
# user may make namespaces.

set -e

case $1 in
--hub-side) # In the hub's network.
  exec 9</proc/self/ns/net
  shift
  exec unshare --net sh "$0" --house-side "$@"
  ;;
--house-side) # In the house's.
  shift
  # Link-local addresses are to work at once.
  raise='ip link set lo up; echo 0 >/proc/sys/net/ipv6/conf/$1/accept_dad; ip link set $1 up'
  ip link add door type veth peer name wall netns /proc/self/fd/9
  sh -ec "$raise" sh door
  nsenter --net=/proc/self/fd/9 sh -ec "$raise" sh wall
  exec "$@"
  ;;
esac

command -v ip >/dev/null || { echo "the program ip is missing: sudo apt-get install iproute2" >&2; exit 1; }
unshare --user --map-root-user --net true 2>/dev/null || {
  echo "this machine lets nobody make a network of their own (unshare --user --net), which the Matter tests need." \
    "In a container, allow user namespaces; on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0" >&2
  exit 1
}
exec unshare --user --map-root-user --net sh "$0" --hub-side "$@"
