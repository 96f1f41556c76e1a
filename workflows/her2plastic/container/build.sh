#!/bin/sh
# Build the image of her2plastic: build.sh [WHEEL] [NAME]
# Without a WHEEL, the one of the installed version is fetched by pip. Uses docker, podman or buildah, whichever is there.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
wheel=${1:-}
name=${2:-her2plastic}
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/dist"
if [ -n "$wheel" ]; then
    cp "$wheel" "$context/dist/"
else
    version=$(her2plastic --version | cut -d' ' -f2)
    python -m pip download --no-deps --only-binary :all: --dest "$context/dist" "her2plastic==$version"
fi
version=$(basename "$context"/dist/*.whl | cut -d- -f2)

if [ "${DRY_RUN:-}" ]; then
    engine=echo
else
    for engine in docker podman buildah; do
        command -v "$engine" >/dev/null && break
        engine=
    done
fi
if [ -z "$engine" ]; then
    echo "no docker, podman or buildah found: install one of them" >&2
    exit 1
fi
"$engine" build --build-arg "VERSION=$version" --tag "$name:$version" --file "$here/Dockerfile" "$context"
echo "built $name:$version; push it where the cluster looks for images, and name it in profiles/kubernetes/config.yaml"
