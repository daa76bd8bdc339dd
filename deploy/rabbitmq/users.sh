#!/bin/sh
# Prints one broker user per service, with the password of its file: each may write only events of its own service and
# read only its own queues, and nobody may declare anything.
set -eu
folder=${SECRETS_DIR:-/run/secrets}

password_of() {
  password=$(cat "$folder/$1-broker")
  case $password in
    '' | *[[:cntrl:]]*) echo "$folder/$1-broker must hold one line, the password" >&2; exit 1 ;;
  esac
  printf '%s' "$password" | sed 's/[\\"]/\\&/g'
}

services="contracts payments notifications disputes reviews"
each() { # each FORMAT: one line per service, with commas between
  comma=
  for service in $services; do
    # shellcheck disable=SC2059
    printf "$comma\n    $1" "$service" "$service"
    comma=,
  done
}

# The set-up fails as a whole when one password is missing.
users=
for service in $services; do
  password=$(password_of "$service")
  users="$users${users:+,}
    {\"name\": \"$service\", \"password\": \"$password\", \"tags\": []}"
done
cat <<EOF
{
  "users": [$users
  ],
  "permissions": [$(each '{"user": "%s", "vhost": "/", "configure": "^$", "write": "^skillscoop\\\\.events$", "read": "^%s\\\\."}')
  ],
  "topic_permissions": [$(each '{"user": "%s", "vhost": "/", "exchange": "skillscoop.events", "write": "^%s\\\\.", "read": "^$"}')
  ]
}
EOF
