# The kernels, once for each instruction set: object libraries that export only names with the set's suffix.
# Sets HOOP_KERNEL_OBJECTS (their objects) and HOOP_CORE_EXTRA (files of core that belong to no set).
set(HOOP_KERNEL_SOURCES
    binary.c
    copy.c
    cross_entropy.c
    dropout.c
    exact.c
    gemm.c
    reduce.c
    softmax.c
    table.c
    unary.c
    update.c)
list(TRANSFORM HOOP_KERNEL_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set(HOOP_KERNEL_OBJECTS)
set(HOOP_CORE_EXTRA ${CMAKE_CURRENT_LIST_DIR}/select.c ${CMAKE_CURRENT_LIST_DIR}/gemm_work.c)

function(hoop_kernel_set isa)
    add_library(hoop_kernels_${isa} OBJECT ${HOOP_KERNEL_SOURCES})
    target_include_directories(hoop_kernels_${isa} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/include)
    target_link_libraries(hoop_kernels_${isa} PRIVATE hoop_flags)
    target_compile_definitions(hoop_kernels_${isa} PRIVATE HOOP_ISA=${isa})
    target_compile_options(hoop_kernels_${isa} PRIVATE -O3 ${ARGN} $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed>)
    set(HOOP_KERNEL_OBJECTS ${HOOP_KERNEL_OBJECTS} $<TARGET_OBJECTS:hoop_kernels_${isa}> PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    hoop_kernel_set(avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx512cd -mavx2 -mfma -mbmi2 -mprefer-vector-width=512)
    hoop_kernel_set(avx2 -mavx2 -mfma -mbmi2)
    set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/select.c PROPERTIES COMPILE_DEFINITIONS HOOP_KERNELS_X86)
endif()
hoop_kernel_set(baseline)
