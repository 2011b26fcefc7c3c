#!/usr/bin/env bash
# Stands for the service manager of a server: starts SSH and Docker, starts them again when they end, stops Docker
# in an orderly way when the container is stopped.
set -u

# A container that was killed leaves these behind, and the daemons would refuse to start.
rm -rf /run/docker.pid /run/docker-ssd.pid /run/docker /run/containerd /run/sshd.pid /run/nologin
mkdir -p /run/sshd

# What a boot of a real server does by its unit, before the engine starts.
[ -x /usr/local/sbin/mediverse-container-guard ] && /usr/local/sbin/mediverse-container-guard apply

# Docker as in its own service file, but with a log of its own; overlay on a volume is not nested overlay.
docker_loop() {
    while true; do
        /usr/sbin/dockerd --log-driver json-file >>/var/log/dockerd.log 2>&1 &
        echo $! > /run/dockerd-loop.pid
        wait $!
        sleep 2
        rm -rf /run/docker.pid /run/docker
    done
}

stop() {
    kill "$loop" 2>/dev/null
    if [ -s /run/docker.pid ]; then
        pid=$(cat /run/docker.pid)
        kill -TERM "$pid"
        for _ in $(seq 1 150); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    fi
    exit 0
}
trap stop TERM INT

docker_loop &
loop=$!
/usr/sbin/sshd -D -e 2>>/var/log/sshd.log &
while true; do
    wait -n
    pgrep -x sshd >/dev/null || /usr/sbin/sshd -D -e 2>>/var/log/sshd.log &
    sleep 1
done
