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
if(ELMO_FUZZ)
  target_compile_options(elmo_flags INTERFACE
    -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(elmo_flags INTERFACE -fsanitize=address,undefined)
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
# its cases are found by name. Labels that leave a test out of a build:
#   slow  of the sanitizers' builds: minutes of arithmetic
#   grpc  of the thread sanitizer's: Debian's gRPC and Abseil are not built for
#         it, so it sees races where their locks are. What a class promises to
#         threads is tested without gRPC.
#   process  likewise: one thread, and children with a limit on their memory
function(elmo_test path)
  cmake_parse_arguments(ARG "" "" "DEPS;LABELS" ${ARGN})
  string(REPLACE "/" "_" name ${path})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/${path}.cc)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE
    elmo_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  if((ELMO_SANITIZE AND "slow" IN_LIST ARG_LABELS) OR
     (ELMO_SANITIZE STREQUAL "thread" AND ARG_LABELS MATCHES "grpc|process"))
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    return()
  endif()
  if(ARG_LABELS)
    set(labels PROPERTIES LABELS "${ARG_LABELS}")
  endif()
  gtest_discover_tests(${name} TEST_PREFIX "${path}:"
    DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 ${labels})
endfunction()

# elmo_fuzz(PATH DEPS ...): tests/fuzz/PATH.cc becomes a libFuzzer program.
function(elmo_fuzz path)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  add_executable(${path} ${PROJECT_SOURCE_DIR}/tests/fuzz/${path}.cc)
  target_link_libraries(${path} PRIVATE elmo_flags ${ARG_DEPS} -fsanitize=fuzzer)
endfunction()
