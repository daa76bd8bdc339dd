#!/bin/sh
# Prints the images of docker-compose.yml by digest, as lines for .env. Needs a registry that answers:
#   deploy/pin-images.sh >> .env
set -eu
cd "$(dirname -- "$0")/.."
sed -nE 's/.*\$\{([A-Z]+_IMAGE):-([^}]+)\}.*/\1 \2/p' docker-compose.yml | sort -u | while read -r name image; do
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image") ||
    { echo "$image: the registry gives no digest" >&2; exit 1; }
  printf '%s=%s@%s\n' "$name" "$image" "$digest"
done
