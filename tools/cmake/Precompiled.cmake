# Precompiled headers: a cold build of everything spends most of its time reading the same few headers again, so each
# of tools/cmake/pch/*.h is read once. Every file still includes what it uses: the asan preset builds without them.
include_guard()

option(POSTERN_PCH "Read the common headers once" ON)
# clang's libFuzzer builds use other flags per target; they read headers themselves.
if(POSTERN_FUZZ)
  set(POSTERN_PCH OFF)
endif()

# postern_pch(name kind LINK libraries... OPTIONS options...): tools/cmake/pch/<name>.h, compiled as the .cc files of a
# LIBRARY or of a PROGRAM are (position-independent code differs). Costs nothing until something uses it.
function(postern_pch name kind)
  cmake_parse_arguments(A "" "" "LINK;OPTIONS" ${ARGN})
  if(NOT POSTERN_PCH)
    return()
  endif()
  set(target postern_pch_${name})
  add_library(${target} OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tools/cmake/pch/empty.cc)
  if(kind STREQUAL "PROGRAM")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIE)
  endif()
  target_link_libraries(${target} PRIVATE ${A_LINK} postern_options)
  target_compile_options(${target} PRIVATE ${A_OPTIONS})
  target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tools/cmake/pch/${name}.h)
endfunction()

function(postern_precompiled target name)
  if(POSTERN_PCH AND TARGET postern_pch_${name})
    target_precompile_headers(${target} REUSE_FROM postern_pch_${name})
  endif()
endfunction()

# g++ 12 forgets that a precompiled header is a system's, and reports std::string's own buffer as overrun. Builds
# without precompiled headers (asan) keep these warnings.
function(postern_pch_options target)
  if(POSTERN_PCH)
    target_compile_options(${target} INTERFACE
      "$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overread;-Wno-stringop-overflow;-Wno-restrict>")
    # A precompiled header fills g++'s heap to the size at which it starts to look for garbage, in vain: it may grow a bit.
    target_compile_options(${target} INTERFACE "$<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=524288>")
  endif()
endfunction()
