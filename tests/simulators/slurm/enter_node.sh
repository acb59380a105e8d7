#!/bin/bash
# enter_node.sh FOLDER HERE SENSORS COMMAND...   run COMMAND as on the node whose files stand in FOLDER
#
# To be run in UTS and mount namespaces of its own, in which SENSORS (a folder of live_sensors.c) can be seen. The node
# has a host name, sensors, identities, and the folder HERE of its own. All else is the machine's.
set -euo pipefail
folder=$1 here=$2 sensors=$3
shift 3
root=$folder/root
mount --make-rprivate /
hostname "$(basename "$folder")"
mount --bind "$folder/here" "$here"

# An overlay, because sysfs takes no new folders. The control groups are mounts of their own and have to move along.
mount -t tmpfs none "$folder/scratch"
mkdir "$folder"/scratch/{upper,work,cgroup}
mount --rbind /sys/fs/cgroup "$folder/scratch/cgroup"
mount -t overlay none -o "lowerdir=/sys,upperdir=$folder/scratch/upper,workdir=$folder/scratch/work" /sys
mount --rbind "$folder/scratch/cgroup" /sys/fs/cgroup
rm -rf /sys/class/powercap /sys/devices/virtual/powercap /sys/class/dmi /sys/cray
cp -a "$root/sys/." /sys/

mkdir -p /dev/cpu
mount --bind "$root/dev/cpu" /dev/cpu
mount --bind "$root/proc/driver" /proc/driver
for file in etc/machine-id etc/hosts proc/sys/kernel/random/boot_id; do
  if [ -e "/$file" ]; then mount --bind "$root/$file" "/$file"; fi
done
while IFS=$'\t' read -r file sensor; do
  mount --bind "$sensors/$sensor" "$file"
done < "$folder/live"
exec "$@"
