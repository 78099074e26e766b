#!/usr/bin/env bash
# Build STAC Browser into dist/: the locked packages, our configuration, nothing of any other host.
#
#   build.sh [FOLDER]
#
# The package is a source tree that is built where its files may be changed: in a folder of its
# own, of which only the result stays. The names of some files depend on where that folder is: who
# wants them the same again names it.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD

if ! command -v npm >/dev/null; then
    printf 'vadose: STAC Browser needs Node.js 20 and npm to be built\n' >&2
    exit 1
fi

work=${1:-$(mktemp -d)}
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json "$work"
cd "$work"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp -R node_modules/@radiantearth/stac-browser source
cd source
ln -s ../node_modules node_modules
mv config.js config.defaults.js
cp "$here/config.js" "$here/basemaps.config.js" .

# It lints and scaffolds nothing here.
npm pkg delete 'devDependencies.@vue/cli-plugin-'{eslint,router,vuex} --loglevel=error

# Its settings are asked for where it runs; its icon is the service's.
sed -i -e 's|<!-- \(<script defer="defer" src="\)/\(config.js"></script>\) -->|\1\2|' \
    -e 's|<title>|<link rel="icon" href="../static/vadose.svg">&|' public/index.html
grep -q '^ *<script defer="defer" src="config.js">' public/index.html
grep -q 'rel="icon"' public/index.html
rm public/config.js

if ! node_modules/.bin/vue-cli-service build --dest "$work/dist" --noSourceMaps >"$work/log" 2>&1; then
    cat "$work/log" >&2
    exit 1
fi
rm -rf "$here/dist"
mv "$work/dist" "$here/dist"
