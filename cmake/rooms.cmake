# One folder of src/tessera is one room: its objects are compiled once, with the include paths of the rooms it may use,
# and serve both the room's own tests (a small static library per room) and the installed library.
set(TESSERA_ROOMS "" CACHE INTERNAL "")

add_library(tessera_flags INTERFACE)
target_compile_options(tessera_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -ffp-contract=off
  # g++ 12 reports overlapping copies inside std::string that are none (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CONFIG:Release>:-O3> $<$<BOOL:${TESSERA_WERROR}>:-Werror>)
if(TESSERA_FROM_NOTHING AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Out of precompiled headers g++ 12 warns of the library's own strings (GCC bug 105329).
  target_compile_options(tessera_flags INTERFACE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(TESSERA_SANITIZE OR TESSERA_SANITIZE_THREAD)
  # Its instrumentation hides from the compiler that a variable was set.
  target_compile_options(tessera_flags INTERFACE -Wno-maybe-uninitialized)
endif()
if(TESSERA_SANITIZE)
  target_compile_options(tessera_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1)
  target_link_options(tessera_flags INTERFACE -fsanitize=address,undefined)
elseif(TESSERA_SANITIZE_THREAD)
  target_compile_options(tessera_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer -O1)
  target_link_options(tessera_flags INTERFACE -fsanitize=thread)
elseif(TESSERA_FUZZ)
  target_compile_options(tessera_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1)
  target_link_options(tessera_flags INTERFACE -fsanitize=address,undefined)
elseif(TESSERA_COVERAGE)
  target_compile_options(tessera_flags INTERFACE --coverage -O0)
  target_link_options(tessera_flags INTERFACE --coverage)
endif()

# A build from nothing parses the standard library once instead of once per file. Not the default: a compiler cache cannot use it.
set(TESSERA_PRECOMPILED <algorithm> <array> <atomic> <cmath> <cstdint> <filesystem> <fstream> <functional> <map> <memory> <mutex> <numbers> <optional> <set> <span>
  <string> <string_view> <variant> <vector> <fmt/format.h>)
foreach(header base/error base/files base/text core/frame core/header core/image core/statistics core/table io/fits io/tables param/schema)
  list(APPEND TESSERA_PRECOMPILED ${PROJECT_SOURCE_DIR}/src/tessera/${header}.h)
endforeach()
function(tessera_precompiled name) # further headers and libraries
  if(TESSERA_FROM_NOTHING)
    cmake_parse_arguments(PCH "" "" "HEADERS;LINK" ${ARGN})
    file(WRITE ${PROJECT_BINARY_DIR}/${name}.cpp "")
    add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/${name}.cpp)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${name} PRIVATE tessera_flags fmt::fmt ${PCH_LINK})
    target_precompile_headers(${name} PRIVATE ${TESSERA_PRECOMPILED} ${PCH_HEADERS})
  endif()
endfunction()
function(tessera_use_precompiled target name)
  if(TESSERA_FROM_NOTHING)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()
tessera_precompiled(tessera_headers)

function(tessera_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/tessera/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(tessera_${name}_objects OBJECT ${sources})
  target_include_directories(tessera_${name}_objects PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(tessera_${name}_objects PUBLIC fmt::fmt PRIVATE tessera_flags ${ROOM_LINK})
  tessera_use_precompiled(tessera_${name}_objects tessera_headers)
  add_library(tessera_${name} STATIC $<TARGET_OBJECTS:tessera_${name}_objects>)
  target_include_directories(tessera_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(tessera_${name} PUBLIC fmt::fmt ${ROOM_LINK})
  foreach(other ${ROOM_ROOMS})
    if(TARGET tessera_${other})
      target_link_libraries(tessera_${name} PUBLIC tessera_${other})
    endif()
  endforeach()
  if(TESSERA_FUZZ)  # only what the targets link
    set_target_properties(tessera_${name} tessera_${name}_objects PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  set(TESSERA_ROOMS ${TESSERA_ROOMS} ${name} CACHE INTERNAL "")
endfunction()

# The version stands in a library of its own, linked by the few that print it: a commit re-links those alone.
function(tessera_version_library)
  set(output ${PROJECT_BINARY_DIR}/version.cpp)
  add_custom_target(tessera_version_text BYPRODUCTS ${output}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${output} -DVERSION=${PROJECT_VERSION}
      "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}" -P ${PROJECT_SOURCE_DIR}/cmake/version.cmake
    VERBATIM)
  add_library(tessera_version_objects OBJECT ${output})
  add_dependencies(tessera_version_objects tessera_version_text)
  target_include_directories(tessera_version_objects PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(tessera_version_objects PRIVATE tessera_flags)
  add_library(tessera_version STATIC $<TARGET_OBJECTS:tessera_version_objects>)
endfunction()

# The library users link: every room in one archive.
function(tessera_library)
  set(objects $<TARGET_OBJECTS:tessera_version_objects>)
  set(libraries "")
  foreach(room ${TESSERA_ROOMS})
    list(APPEND objects $<TARGET_OBJECTS:tessera_${room}_objects>)
    get_target_property(links tessera_${room} INTERFACE_LINK_LIBRARIES)
    foreach(link ${links})
      if(NOT link MATCHES "^tessera_")
        list(APPEND libraries ${link})
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES libraries)
  set(TESSERA_LIBRARIES ${libraries} CACHE INTERNAL "")
  add_library(tessera_all STATIC ${objects})
  set_target_properties(tessera_all PROPERTIES OUTPUT_NAME tessera EXPORT_NAME tessera)
  target_include_directories(tessera_all PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:include>)
  # Users compile against our headers and fmt's; the rest they only link. Libraries that are all headers are in the
  # objects already.
  list(FILTER libraries EXCLUDE REGEX "^fmt::|^nlohmann_json::|^Eigen3::")
  target_link_libraries(tessera_all PUBLIC fmt::fmt PRIVATE ${libraries})
  target_compile_features(tessera_all PUBLIC cxx_std_20)
endfunction()

function(tessera_program name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  if(sources)
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE tessera_all ${TESSERA_LIBRARIES} tessera_flags)
    if(TESSERA_SANITIZE OR TESSERA_SANITIZE_THREAD OR TESSERA_FUZZ)
      # The unit tests need neither: built when named.
      set_target_properties(${name} tessera_all PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
  endif()
endfunction()
