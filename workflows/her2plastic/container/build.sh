#!/bin/sh
# Build the image of her2plastic: build.sh [WHEEL] [NAME]
# Without a WHEEL, the one of the installed version is fetched by pip. Takes the first of docker, podman and buildah that
# works; ENGINE names another. BASE names another base image, JOB_UID another number for the user of the jobs.
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
chmod -R a+rX "$context"
version=$(basename "$context"/dist/*.whl | cut -d- -f2)

engine=${ENGINE:-}
if [ "${DRY_RUN:-}" ]; then
    engine=echo
elif [ -z "$engine" ]; then
    # a client without its service is often installed, and cannot build
    for engine in docker podman buildah; do
        "$engine" info >/dev/null 2>&1 && break
        engine=
    done
fi
if [ -z "$engine" ]; then
    echo "none of docker, podman and buildah works here: install one of them, or start its service" >&2
    exit 1
fi
"$engine" build --build-arg "VERSION=$version" ${BASE:+--build-arg "BASE=$BASE"} \
    ${JOB_UID:+--build-arg "JOB_UID=$JOB_UID"} --tag "$name:$version" --file "$here/Dockerfile" "$context"
echo "built $name:$version; push it where the cluster looks for images, and name it in profiles/kubernetes/config.yaml"
