# The kernels, once for each instruction set: object libraries that export only names with the set's suffix.
# Sets HOOP_KERNEL_OBJECTS (their objects) and HOOP_CORE_EXTRA (files of core that belong to no set).
set(HOOP_KERNEL_SOURCES
    attention.c
    binary.c
    copy.c
    cross_entropy.c
    ctc.c
    dropout.c
    elementwise.c
    exact.c
    fold.c
    recurrent.c
    loss.c
    norm.c
    pool.c
    reduce.c
    softmax.c
    stats.c
    table.c
    unary.c
    update.c)
list(TRANSFORM HOOP_KERNEL_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
# once for f32 and once, with HOOP_KERNEL_F64, for f64
set(HOOP_KERNEL_TYPED_SOURCES ${CMAKE_CURRENT_LIST_DIR}/conv.c ${CMAKE_CURRENT_LIST_DIR}/winograd.c ${CMAKE_CURRENT_LIST_DIR}/gemm.c)
set(HOOP_KERNEL_OBJECTS)
set(HOOP_CORE_EXTRA ${CMAKE_CURRENT_LIST_DIR}/select.c ${CMAKE_CURRENT_LIST_DIR}/gemm_work.c)

function(hoop_kernel_objects name isa)
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/include)
    target_link_libraries(${name} PRIVATE hoop_flags)
    target_compile_definitions(${name} PRIVATE HOOP_ISA=${isa})
    target_compile_options(${name} PRIVATE -O3 ${ARGN} $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed>)
endfunction()

function(hoop_kernel_set isa)
    add_library(hoop_kernels_${isa} OBJECT ${HOOP_KERNEL_SOURCES} ${HOOP_KERNEL_TYPED_SOURCES})
    hoop_kernel_objects(hoop_kernels_${isa} ${isa} ${ARGN})
    add_library(hoop_kernels_${isa}_f64 OBJECT ${HOOP_KERNEL_TYPED_SOURCES})
    hoop_kernel_objects(hoop_kernels_${isa}_f64 ${isa} ${ARGN})
    target_compile_definitions(hoop_kernels_${isa}_f64 PRIVATE HOOP_KERNEL_F64)
    set(HOOP_KERNEL_OBJECTS ${HOOP_KERNEL_OBJECTS} $<TARGET_OBJECTS:hoop_kernels_${isa}> $<TARGET_OBJECTS:hoop_kernels_${isa}_f64>
        PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    hoop_kernel_set(avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx512cd -mavx2 -mfma -mbmi2 -mprefer-vector-width=512)
    hoop_kernel_set(avx2 -mavx2 -mfma -mbmi2)
    set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/select.c PROPERTIES COMPILE_DEFINITIONS HOOP_KERNELS_X86)
endif()
hoop_kernel_set(baseline)
