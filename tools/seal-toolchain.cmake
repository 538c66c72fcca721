# Builds Pyfhel's copy of Microsoft SEAL without its optional dependencies, which SEAL's own CMake
# would otherwise download: no compression of serialised bytes, no GSL spans. The mathematics is
# the same. Used through the environment variable CMAKE_TOOLCHAIN_FILE; see CONTRIBUTING.md.
foreach(option SEAL_BUILD_DEPS SEAL_USE_MSGSL SEAL_USE_ZLIB SEAL_USE_ZSTD)
  set(${option} OFF CACHE BOOL "" FORCE)
endforeach()
