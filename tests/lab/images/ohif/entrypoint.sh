#!/bin/sh
# Fills the template, takes a configuration from the environment, and compresses the configuration once, as the
# official image does: whoever changes app-config.js restarts the container.
set -e
# The names are for envsubst, not for this shell.
# shellcheck disable=SC2016
envsubst '${PORT} ${PUBLIC_URL}' < /usr/src/default.conf.template > /etc/nginx/conf.d/default.conf
config=/usr/share/nginx/html/app-config.js
if [ -n "$APP_CONFIG" ]; then
    printf '%s' "$APP_CONFIG" > "$config"
fi
if [ -s "$config" ]; then
    gzip -9 -k -f "$config" 2>/dev/null || echo "app-config.js is served uncompressed (its directory is read-only)"
fi
exec "$@"
