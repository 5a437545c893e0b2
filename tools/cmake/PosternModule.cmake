# How Postern's folders become targets. Adding a .cc file, a _test.cc file or a fuzz harness needs no edit here:
# folders are globbed again at each build (CONFIGURE_DEPENDS).
include_guard()

option(POSTERN_FUZZ "Link the fuzz harnesses with libFuzzer (clang)" OFF)
option(POSTERN_WERROR "Treat warnings as errors" ON)
option(POSTERN_TESTS "Build the tests" ON)
# A module's files, and its tests, are compiled sixteen at a time (the release preset): half of a file's time, and two
# thirds of a test's, go into what its neighbours instantiate too. So no two files of a module give different things
# the same name in their anonymous namespaces, and no two of its tests do (tools/check_names.py).
option(POSTERN_UNITY "Compile several files of a module at once" OFF)
# Tests and harnesses are compiled in half the time; what they test is compiled as it is shipped.
set(POSTERN_TEST_OPTIONS "$<$<CONFIG:Release>:-O0;-g0>" -U_FORTIFY_SOURCE)
# The precompiled header that is compiled with these options.
set(POSTERN_TEST_PCH test)
# What tests share (labs, fakes) is compiled once and is part of no program.
set(POSTERN_TEST_HELPERS "_lab\\.cc$|/fake_[^/]*\\.cc$")
set(POSTERN_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

include(Precompiled)

macro(postern_dependencies)
  find_package(PkgConfig REQUIRED)
  find_package(OpenSSL 3 REQUIRED)
  find_package(ZLIB REQUIRED)
  find_package(SQLite3 REQUIRED)
  find_package(Threads REQUIRED)
  find_package(Boost 1.81 REQUIRED COMPONENTS json)
  find_package(fmt REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(Protobuf REQUIRED)
  pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
  find_package(wslay REQUIRED)
  pkg_check_modules(RE2 REQUIRED re2)  # its library alone: -pthread beside it is not what the precompiled headers have
  pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
  pkg_check_modules(NFTABLES REQUIRED IMPORTED_TARGET libnftables)
  pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
  pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit)
  pkg_check_modules(YAMLCPP REQUIRED IMPORTED_TARGET yaml-cpp)
  pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
  if(POSTERN_TESTS)
    find_package(GTest REQUIRED)
    include(GoogleTest)
    enable_testing()
  endif()
  add_library(postern_fmt INTERFACE)
  target_link_libraries(postern_fmt INTERFACE fmt::fmt)

  add_library(postern_options INTERFACE)
  # g++ 12 reports std::variant's storage as maybe-uninitialized at -O2, and the frames of Asio's coroutines as freed by
  # another allocator than theirs; the sanitizers watch for the real things.
  target_compile_options(postern_options INTERFACE
    -Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-mismatched-new-delete>"
    $<$<AND:$<BOOL:${POSTERN_UNITY}>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>  # warns wherever it isn't the main file
    -fno-omit-frame-pointer -fstack-protector-strong $<$<BOOL:${POSTERN_WERROR}>:-Werror>)
  postern_pch_options(postern_options)
  target_compile_definitions(postern_options INTERFACE
    POSTERN_VERSION="${PROJECT_VERSION}" $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
  target_link_options(postern_options INTERFACE -Wl,-z,relro,-z,now)
  target_include_directories(postern_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
  if(POSTERN_SANITIZE)
    target_compile_options(postern_options INTERFACE -fsanitize=${POSTERN_SANITIZE} -fno-sanitize-recover=all
                           -U_FORTIFY_SOURCE)
    target_link_options(postern_options INTERFACE -fsanitize=${POSTERN_SANITIZE})
  endif()
  find_program(POSTERN_MOLD mold)
  if(POSTERN_MOLD)
    target_link_options(postern_options INTERFACE -fuse-ld=mold)
  endif()
  find_program(POSTERN_CCACHE ccache)
  if(POSTERN_CCACHE)
    # What ccache's manual asks for where headers are precompiled.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${POSTERN_CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${POSTERN_CCACHE})
    target_compile_options(postern_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  endif()
  postern_pch(base LIBRARY LINK fmt::fmt)
  postern_pch(json LIBRARY LINK fmt::fmt Boost::json)
  postern_pch(asio LIBRARY LINK fmt::fmt OpenSSL::SSL Boost::headers Threads::Threads
              OPTIONS -DBOOST_ASIO_SEPARATE_COMPILATION)
  if(POSTERN_TESTS)
    postern_pch(test PROGRAM LINK fmt::fmt Boost::json GTest::gmock OPTIONS ${POSTERN_TEST_OPTIONS})
  endif()
endmacro()

function(postern_joined target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${POSTERN_UNITY} UNITY_BUILD_BATCH_SIZE 16)
endfunction()

# Tests beside the code: every x_test.cc of the folder goes into one executable <name>_test, with what they share
# (x_lab.cc, fake_x.cc) as the library postern_<name>_lab, which fuzz harnesses may use too.
function(_postern_folder_tests name folder)
  if(NOT POSTERN_TESTS)
    return()
  endif()
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*_test.cc)
  file(GLOB_RECURSE helpers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*_lab.cc
                                              ${CMAKE_SOURCE_DIR}/${folder}/fake_*.cc)
  if(helpers)
    add_library(postern_${name}_lab STATIC ${helpers})
    # As a program's files, so that the tests' precompiled header fits.
    set_target_properties(postern_${name}_lab PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(postern_${name}_lab PRIVATE -fPIE ${POSTERN_TEST_OPTIONS})
    target_compile_definitions(postern_${name}_lab PRIVATE POSTERN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_link_libraries(postern_${name}_lab PUBLIC ${ARGN} Boost::json GTest::gmock PRIVATE postern_options)
    postern_precompiled(postern_${name}_lab "${POSTERN_TEST_PCH}")
    postern_joined(postern_${name}_lab)
    set(lab postern_${name}_lab)
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_compile_options(${name}_test PRIVATE ${POSTERN_TEST_OPTIONS})
    postern_precompiled(${name}_test "${POSTERN_TEST_PCH}")
    postern_joined(${name}_test)
    # Boost::json's definitions are those that the precompiled header was compiled with.
    target_link_libraries(${name}_test PRIVATE ${lab} ${ARGN} postern_options Boost::json GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE
      POSTERN_SOURCE_DIR="${CMAKE_SOURCE_DIR}" POSTERN_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60 DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 900)
  endif()
endfunction()

function(_postern_sources out folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc ${CMAKE_SOURCE_DIR}/${folder}/*.c)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main\\.cc$|${POSTERN_TEST_HELPERS}")
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# postern_module(name DEPS folders... LINK libraries... [PCH name] [DEFINE definitions...]): src/<name> as the static
# library postern_<name>; PCH is the precompiled header of its .cc files.
function(postern_module name)
  cmake_parse_arguments(A "" "PCH" "DEPS;LINK;DEFINE" ${ARGN})
  _postern_sources(sources src/${name})
  list(TRANSFORM A_DEPS PREPEND postern_)
  if(sources)
    add_library(postern_${name} STATIC ${sources})
    target_link_libraries(postern_${name} PUBLIC ${A_DEPS} ${A_LINK} PRIVATE postern_options)
    target_include_directories(postern_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_compile_definitions(postern_${name} PUBLIC ${A_DEFINE})
    if(A_PCH)
      postern_precompiled(postern_${name} ${A_PCH})
    endif()
    postern_joined(postern_${name})
  else()
    add_library(postern_${name} INTERFACE)
    target_link_libraries(postern_${name} INTERFACE ${A_DEPS} ${A_LINK})
  endif()
  _postern_folder_tests(${name} src/${name} postern_${name})
endfunction()

# postern_listed(name folder [EXCLUDE stems...]): generated/listed/<name>.inc with one line POSTERN_LISTED(stem) for each .cc
# file of the folder, alphabetically. Whoever includes it decides what POSTERN_LISTED makes of a file's name; so adding a
# file is all it takes to add what it holds.
function(postern_listed name folder)
  cmake_parse_arguments(A "" "" "EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|${POSTERN_TEST_HELPERS}")
  list(SORT sources)
  set(text "")
  foreach(source ${sources})
    get_filename_component(stem ${source} NAME_WE)
    if(NOT stem IN_LIST A_EXCLUDE)
      string(APPEND text "POSTERN_LISTED(${stem})\n")
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/listed/${name}.inc CONTENT "${text}" @ONLY)
endfunction()

# The wire formats (proto/*.proto) compiled, in one library with the state machines of src/proto.
function(postern_proto name)
  cmake_parse_arguments(A "" "PCH" "DEPS;LINK" ${ARGN})
  file(GLOB protos CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/proto/*.proto)
  set(out ${CMAKE_BINARY_DIR}/generated/wire)
  file(MAKE_DIRECTORY ${out})
  set(generated)
  foreach(p ${protos})
    get_filename_component(stem ${p} NAME_WE)
    add_custom_command(OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
      COMMAND protobuf::protoc --proto_path=${CMAKE_SOURCE_DIR}/proto --cpp_out=${out} ${p}
      DEPENDS ${protos} VERBATIM)
    list(APPEND generated ${out}/${stem}.pb.cc)
  endforeach()
  add_library(postern_wire STATIC ${generated})
  target_link_libraries(postern_wire PUBLIC protobuf::libprotobuf-lite)
  target_include_directories(postern_wire PUBLIC ${CMAKE_BINARY_DIR}/generated)
  if(POSTERN_SANITIZE)
    target_compile_options(postern_wire PRIVATE -fsanitize=${POSTERN_SANITIZE})
  endif()
  postern_module(${name} PCH ${A_PCH} DEPS ${A_DEPS} wire LINK ${A_LINK})
endfunction()

# postern_program(binary folder): src/<folder>/main.cc as an executable.
function(postern_program binary folder)
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/${folder}/main.cc)
    add_executable(${binary} ${CMAKE_SOURCE_DIR}/src/${folder}/main.cc)
    target_link_libraries(${binary} PRIVATE postern_${folder} postern_options)
    # It reads the command line once, with CLI11, which takes long to compile: nothing here needs to be fast.
    target_compile_options(${binary} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
endfunction()

# src/nginx as ngx_http_postern_module.so, built against the sources that Debian's nginx-dev installs. They come without
# objs/ngx_auto_config.h: nginx's own configure writes it here, with the flags that Debian's nginx was built with, so
# that the module's signature is the one that this nginx accepts.
function(postern_nginx_module folder)
  cmake_parse_arguments(A "" "" "DEPS" ${ARGN})
  _postern_sources(sources src/${folder})
  if(NOT sources)
    return()
  endif()
  set(ngx /usr/share/nginx/src)
  if(NOT EXISTS ${ngx}/src/core/nginx.h)
    message(FATAL_ERROR "nginx-dev is missing (looked for ${ngx}/src/core/nginx.h): apt-get install nginx-dev")
  endif()
  set(objs ${CMAKE_BINARY_DIR}/nginx-objs)
  if(NOT EXISTS ${objs}/ngx_auto_config.h OR ${ngx}/src/core/nginx.h IS_NEWER_THAN ${objs}/ngx_auto_config.h)
    execute_process(
      COMMAND bash -c ". ./conf_flags && ./configure --builddir='${objs}' \"\${NGX_CONF_FLAGS[@]}\""
      WORKING_DIRECTORY ${ngx} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(failed)
      file(REMOVE ${objs}/ngx_auto_config.h)
      message(FATAL_ERROR "nginx's configure failed (is nginx-dev complete?):\n${output}")
    endif()
  endif()
  list(TRANSFORM A_DEPS PREPEND postern_)
  add_library(ngx_http_postern_module MODULE ${sources})
  set_target_properties(ngx_http_postern_module PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  target_link_libraries(ngx_http_postern_module PRIVATE ${A_DEPS} postern_options OpenSSL::SSL)
  postern_precompiled(ngx_http_postern_module base)
  # Nothing but nginx's entry points is seen from outside: symbols of ours must not meet another module's.
  target_link_options(ngx_http_postern_module PRIVATE
    -Wl,--version-script=${CMAKE_SOURCE_DIR}/src/${folder}/exports.map -static-libgcc)
  target_include_directories(ngx_http_postern_module SYSTEM PRIVATE
    ${ngx}/src/core ${ngx}/src/event ${ngx}/src/event/modules ${ngx}/src/os/unix ${ngx}/src/http
    ${ngx}/src/http/modules ${ngx}/src/http/v2 ${objs})
  _postern_folder_tests(${folder} src/${folder} ${A_DEPS} OpenSSL::SSL)
  foreach(test ${folder}_test gateway_test)
    if(TARGET ${test})
      add_dependencies(${test} ngx_http_postern_module)
    endif()
  endforeach()
endfunction()

# Tests that span folders, and what they share.
function(postern_tests_in folder)
  cmake_parse_arguments(A "" "" "DEPS" ${ARGN})
  get_filename_component(name ${folder} NAME)
  list(TRANSFORM A_DEPS PREPEND postern_)
  # These run for minutes: what they do themselves, for each of a million steps, should not be slow.
  string(REPLACE "-O0" "-O1" POSTERN_TEST_OPTIONS "${POSTERN_TEST_OPTIONS}")
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(POSTERN_TEST_PCH "")  # compiled with other options; for two joined files one of their own would not pay
  endif()
  _postern_folder_tests(${name} ${folder} ${A_DEPS})
  if(TARGET ${name}_test)
    file(GLOB helpers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
    list(FILTER helpers EXCLUDE REGEX "_test\\.cc$")
    target_sources(${name}_test PRIVATE ${helpers})
  endif()
endfunction()

# fuzz/<module>_<parser>_fuzz.cc: LLVMFuzzerTestOneInput. g++ links the replaying driver and runs fuzz/corpus/<parser>
# as a test; clang with POSTERN_FUZZ=ON links libFuzzer instead.
function(postern_fuzzers folder)
  if(NOT POSTERN_TESTS)
    return()
  endif()
  if(NOT POSTERN_FUZZ)
    add_library(postern_replay OBJECT ${CMAKE_SOURCE_DIR}/${folder}/replay_main.cc)
    target_link_libraries(postern_replay PRIVATE postern_options)
  endif()
  file(GLOB harnesses CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*_fuzz.cc)
  foreach(h ${harnesses})
    get_filename_component(stem ${h} NAME_WE)
    string(REGEX REPLACE "_.*" "" module ${stem})
    string(REGEX REPLACE "^[a-z]+_(.*)_fuzz$" "\\1" parser ${stem})
    add_executable(${stem} ${h})
    target_link_libraries(${stem} PRIVATE postern_${module} postern_options)
    if(TARGET postern_${module}_lab)
      target_link_libraries(${stem} PRIVATE postern_${module}_lab)
    endif()
    if(POSTERN_FUZZ)
      target_compile_options(${stem} PRIVATE -fsanitize=fuzzer)
      target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
    else()
      target_link_libraries(${stem} PRIVATE postern_replay Boost::json GTest::gmock)
      target_compile_options(${stem} PRIVATE ${POSTERN_TEST_OPTIONS})
      postern_precompiled(${stem} test)
      add_test(NAME fuzz.${module}.${parser} COMMAND ${stem} ${CMAKE_SOURCE_DIR}/${folder}/corpus/${module}_${parser})
    endif()
  endforeach()
endfunction()

# What ./bench runs, in <folder>: one program per listed name, from <name>.cc and the .cc files given after it. They are
# built when asked for (target `benchmarks`, or one by its name) and not with everything else.
function(postern_benchmark folder name)
  cmake_parse_arguments(A "" "" "WITH;DEPS;LINK" ${ARGN})
  list(TRANSFORM A_DEPS PREPEND postern_)
  list(TRANSFORM A_WITH PREPEND ${CMAKE_SOURCE_DIR}/${folder}/)
  add_executable(${name} EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/${folder}/${name}.cc ${A_WITH})
  target_link_libraries(${name} PRIVATE ${A_DEPS} ${A_LINK} postern_options)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/benchmarks)
  if(NOT TARGET benchmarks)
    add_custom_target(benchmarks)
  endif()
  add_dependencies(benchmarks ${name})
endfunction()
