# The kernels, once for each instruction set: object libraries that export only names with the set's suffix.
# Sets HOOP_KERNEL_OBJECTS (their objects) and HOOP_CORE_EXTRA (files of core that belong to no set).
set(HOOP_KERNEL_SOURCES
    attention.c
    copy.c
    cross_entropy.c
    dropout.c
    exact.c
    recurrent.c
    norm.c
    reduce.c
    softmax.c
    table.c
    update.c)
list(TRANSFORM HOOP_KERNEL_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
# many short loops: of these -O3 makes three times the code, and no speed
set(HOOP_KERNEL_SHORT_SOURCES
    binary.c
    ctc.c
    elementwise.c
    fold.c
    loss.c
    pool.c
    stats.c
    unary.c)
# once for f32 and once, with HOOP_KERNEL_F64, for f64
set(HOOP_KERNEL_TYPED_SOURCES conv.c winograd.c gemm.c)
list(TRANSFORM HOOP_KERNEL_SHORT_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
list(TRANSFORM HOOP_KERNEL_TYPED_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set(HOOP_KERNEL_OBJECTS)
set(HOOP_CORE_EXTRA ${CMAKE_CURRENT_LIST_DIR}/select.c ${CMAKE_CURRENT_LIST_DIR}/gemm_work.c)

function(hoop_kernel_objects name isa)
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/include)
    target_link_libraries(${name} PRIVATE hoop_flags)
    target_compile_definitions(${name} PRIVATE HOOP_ISA=${isa})
    target_compile_options(${name} PRIVATE ${ARGN} $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed>)
endfunction()

# level: of optimisation, short: that of HOOP_KERNEL_SHORT_SOURCES, a list
function(hoop_kernel_set isa level short)
    if(HOOP_SANITIZE) # what they add to -O3 takes minutes to compile
        set(level -O1)
        set(short -O1)
    endif()
    add_library(hoop_kernels_${isa} OBJECT ${HOOP_KERNEL_SOURCES} ${HOOP_KERNEL_TYPED_SOURCES})
    hoop_kernel_objects(hoop_kernels_${isa} ${isa} ${level} ${ARGN})
    add_library(hoop_kernels_${isa}_f64 OBJECT ${HOOP_KERNEL_TYPED_SOURCES})
    hoop_kernel_objects(hoop_kernels_${isa}_f64 ${isa} ${level} ${ARGN})
    target_compile_definitions(hoop_kernels_${isa}_f64 PRIVATE HOOP_KERNEL_F64)
    add_library(hoop_kernels_${isa}_short OBJECT ${HOOP_KERNEL_SHORT_SOURCES})
    hoop_kernel_objects(hoop_kernels_${isa}_short ${isa} ${short} ${ARGN})
    set(HOOP_KERNEL_OBJECTS ${HOOP_KERNEL_OBJECTS} $<TARGET_OBJECTS:hoop_kernels_${isa}> $<TARGET_OBJECTS:hoop_kernels_${isa}_f64>
        $<TARGET_OBJECTS:hoop_kernels_${isa}_short> PARENT_SCOPE)
endfunction()

# as -O3 vectorises, without what else it does
set(short -O2 -ftree-vectorize $<$<C_COMPILER_ID:GNU>:-fvect-cost-model=dynamic> $<$<C_COMPILER_ID:GNU>:--param=vect-epilogues-nomask=0>)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    hoop_kernel_set(avx512 -O3 "${short}" -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx512cd -mavx2 -mfma -mbmi2
        -mprefer-vector-width=512)
    hoop_kernel_set(avx2 -O3 "${short}" -mavx2 -mfma -mbmi2)
    set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/select.c PROPERTIES COMPILE_DEFINITIONS HOOP_KERNELS_X86)
    hoop_kernel_set(baseline -Os -Os) # it is there to be right
else()
    hoop_kernel_set(baseline -O3 "${short}")
endif()
