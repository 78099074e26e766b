#!/usr/bin/env bash
# Take out of the installed packages what a running service never opens: about a quarter of them.
set -euo pipefail
cd "$1"

# Tests of the packages, and what only compilers read.
find . -depth -type d -name tests -exec rm -rf {} +
find . -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.a' \
    -o -name '*.c' -o -name '*.cc' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) -delete

# Arrow's RPC, query plans and second way to S3; GeoParquet needs none of them, but pyarrow itself is
# linked to the library of query plans.
rm -f pyarrow/libarrow_{flight,s3}.so* pyarrow/libarrow_python_flight.so* \
    pyarrow/_{flight,substrait,s3fs}.*.so

# The library of onnxruntime for C programs; Python has its own.
rm -f onnxruntime/capi/libonnxruntime.so.*

# pygeoapi speaks English here; its library of languages knows a thousand.
find babel/locale-data -name '*.dat' ! -name 'root.dat' ! -name 'en.dat' ! -name 'en_US.dat' -delete

# Names for debuggers. Libraries that were put beside a package (*.libs) were rewritten for it
# and are left as they are.
find . -name '*.so*' -type f ! -path './*.libs/*' -exec strip --strip-unneeded {} + 2>/dev/null || true
