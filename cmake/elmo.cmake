# The three verbs every CMakeLists.txt below uses, and the flags that all of
# our code is compiled with. Nothing here touches third-party targets.

add_library(elmo_flags INTERFACE)
target_compile_options(elmo_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor
  -Wno-unused-parameter -fno-omit-frame-pointer -fstack-protector-strong)
target_include_directories(elmo_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(elmo_flags INTERFACE -Wthread-safety)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(elmo_flags INTERFACE -g1)
  target_compile_definitions(elmo_flags INTERFACE
    _FORTIFY_SOURCE=2 _GLIBCXX_ASSERTIONS)
endif()
if(ELMO_SANITIZE)
  # GCC's instrumentation makes values look uninitialised that are not.
  target_compile_options(elmo_flags INTERFACE
    -fsanitize=${ELMO_SANITIZE} -fno-sanitize-recover=all
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(elmo_flags INTERFACE -fsanitize=${ELMO_SANITIZE})
endif()

# What makes each `a * b + c` in the kernels one fused multiply-add. Clang's "fast"
# does so only where its optimiser has left the two side by side, which a
# sanitizer's checks prevent; GCC takes "on" for "off".
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(ELMO_FUSE -ffp-contract=on)
else()
  set(ELMO_FUSE -ffp-contract=fast)
endif()

# elmo_library(NAME SRCS ... [DEPS ...] [PUBLIC_DEPS ...])
# PUBLIC_DEPS: what a header of the library shows. SRCS may be empty: then the
# library is headers only and every dependency is public.
function(elmo_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;PUBLIC_DEPS" ${ARGN})
  if(ARG_SRCS)
    add_library(${name} STATIC ${ARG_SRCS})
    target_link_libraries(${name}
      PUBLIC ${ARG_PUBLIC_DEPS} PRIVATE elmo_flags ${ARG_DEPS})
    if(ELMO_FUZZ)
      target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARG_PUBLIC_DEPS} ${ARG_DEPS})
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
  endif()
endfunction()

# elmo_binary(NAME SRCS ... DEPS ...): a program in build/PRESET/bin.
function(elmo_binary name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  target_link_libraries(${name} PRIVATE elmo_flags ${ARG_DEPS})
endfunction()

# elmo_command_line(FILE...): sources of this folder that declare options with
# CLI11, whose templates take a minute to optimise and run once.
function(elmo_command_line)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "-O1")
endfunction()

# elmo_test(PATH DEPS ... [LABELS ...]): tests/PATH.cc becomes one executable,
# which is one test of CTest's: a process for every case would take longer to
# start than to run. Labels that leave a test out of a build:
#   slow  of the sanitizers' builds: minutes of arithmetic
#   grpc  of the thread sanitizer's: Debian's gRPC and Abseil are not built for
#         it, so it sees races where their locks are. What a class promises to
#         threads is tested without gRPC.
#   process  likewise: one thread, and children with a limit on their memory
# The tests' own code is compiled once and runs once, so it is not optimised;
# what it tests is, in the libraries.
function(elmo_test path)
  cmake_parse_arguments(ARG "" "" "DEPS;LABELS" ${ARGN})
  string(REPLACE "/" "_" name ${path})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/${path}.cc)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE
    elmo_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE -O0 -U_FORTIFY_SOURCE)
  elmo_precompile(${name} ${ARG_DEPS})
  if((ELMO_SANITIZE AND "slow" IN_LIST ARG_LABELS) OR
     (ELMO_SANITIZE STREQUAL "thread" AND ARG_LABELS MATCHES "grpc|process"))
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    return()
  endif()
  elmo_add_test(${path} ${name})
  if(ARG_LABELS)
    set_tests_properties(${path} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
endfunction()

# elmo_precompile(TARGET DEPS...): the headers that tests spend most of their time
# to compile in are read once for all of them: googletest's, and gRPC's for what
# links to a library that shows these. They belong to a program of their own, since
# what is defined for them has to be defined for all that use them.
set(elmo_grpc_libraries server_lib server_command_line testing_server
  testing_server_process client client_load client_cli client_testing)
function(elmo_precompile target)
  set(owner elmo_precompiled_gtest)
  foreach(library ${ARGN})
    if(library IN_LIST elmo_grpc_libraries)
      set(owner elmo_precompiled_grpc)
    endif()
  endforeach()
  if(NOT TARGET ${owner})
    add_executable(${owner} ${PROJECT_SOURCE_DIR}/tests/testing/precompiled.cc)
    target_compile_options(${owner} PRIVATE -O0 -U_FORTIFY_SOURCE)
    target_link_libraries(${owner} PRIVATE
      elmo_flags GTest::gmock GTest::gtest_main)
    set(headers <gmock/gmock.h> <gtest/gtest.h>)
    if(owner STREQUAL "elmo_precompiled_grpc")
      target_link_libraries(${owner} PRIVATE elmo_proto)
      list(APPEND headers <grpcpp/grpcpp.h> <elmo/v1/embedding.grpc.pb.h>)
    endif()
    target_precompile_headers(${owner} PRIVATE ${headers})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

# elmo_add_test(NAME TARGET [OPTION...]): all cases of TARGET, or those that
# googletest's options choose. Its output is the cases that fail.
function(elmo_add_test name target)
  add_test(NAME ${name} COMMAND ${target} --gtest_brief=1 ${ARGN})
endfunction()

# elmo_fuzz(PATH DEPS ...): tests/fuzz/PATH.cc becomes a libFuzzer program.
function(elmo_fuzz path)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  add_executable(${path} ${PROJECT_SOURCE_DIR}/tests/fuzz/${path}.cc)
  target_compile_options(${path} PRIVATE -fsanitize=fuzzer-no-link)
  target_link_libraries(${path} PRIVATE elmo_flags ${ARG_DEPS} -fsanitize=fuzzer)
endfunction()
