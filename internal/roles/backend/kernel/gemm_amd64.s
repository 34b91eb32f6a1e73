//go:build amd64 && !purego

#include "textflag.h"

// One term of one row: broadcast the element of A, multiply it with both halves of B's row (Y12, Y13), and add the
// products to the row's two accumulators: rounded before, as two operations, or fused, as one.
#define ROUNDED(base, lo, hi) \
	VBROADCASTSS (base)(AX*1), Y14 \
	VMULPS Y12, Y14, Y15 \
	VMULPS Y13, Y14, Y14 \
	VADDPS Y15, lo, lo   \
	VADDPS Y14, hi, hi

#define FUSED(base, lo, hi) \
	VBROADCASTSS (base)(AX*1), Y14 \
	VFMADD231PS Y12, Y14, lo \
	VFMADD231PS Y13, Y14, hi

#define SIX(ROW) \
	VMOVUPS (DX), Y12   \
	VMOVUPS 32(DX), Y13 \
	ROW(SI, Y0, Y1)     \
	ROW(R10, Y2, Y3)    \
	ROW(R11, Y4, Y5)    \
	ROW(R12, Y6, Y7)    \
	ROW(R13, Y8, Y9)    \
	ROW(R15, Y10, Y11)  \
	ADDQ BX, AX         \
	ADDQ R8, DX

#define FOUR(ROW) \
	VMOVUPS (DX), Y12   \
	VMOVUPS 32(DX), Y13 \
	ROW(SI, Y0, Y1)     \
	ROW(R10, Y2, Y3)    \
	ROW(R11, Y4, Y5)    \
	ROW(R12, Y6, Y7)    \
	ADDQ BX, AX         \
	ADDQ R8, DX

// SI R10 R11 R12 R13 R15 are the rows of A, AX the offset of the term in each, BX its step; DX is the row of B, R8 its
// step; DI is C, R9 its step; CX counts the terms. A row past the last of A points at the last one, so that nothing
// outside of A is read.
#define ROWS4 \
	MOVQ a+8(FP), SI        \
	MOVQ rowA+16(FP), R8    \
	MOVQ rows+64(FP), CX    \
	LEAQ (SI)(R8*1), R10    \
	CMPQ CX, $2             \
	CMOVQLT SI, R10         \
	LEAQ (R10)(R8*1), R11   \
	CMPQ CX, $3             \
	CMOVQLT R10, R11        \
	LEAQ (R11)(R8*1), R12   \
	CMPQ CX, $4             \
	CMOVQLT R11, R12

#define ROWS6 \
	ROWS4                   \
	LEAQ (R12)(R8*1), R13   \
	CMPQ CX, $5             \
	CMOVQLT R12, R13        \
	LEAQ (R13)(R8*1), R15   \
	CMPQ CX, $6             \
	CMOVQLT R13, R15

#define ARGS \
	MOVQ k+0(FP), CX        \
	MOVQ colA+24(FP), BX    \
	MOVQ b+32(FP), DX       \
	MOVQ ldb+40(FP), R8     \
	MOVQ c+48(FP), DI       \
	MOVQ ldc+56(FP), R9     \
	XORQ AX, AX

#define ZERO4 \
	VXORPS Y0, Y0, Y0 \
	VXORPS Y1, Y1, Y1 \
	VXORPS Y2, Y2, Y2 \
	VXORPS Y3, Y3, Y3 \
	VXORPS Y4, Y4, Y4 \
	VXORPS Y5, Y5, Y5 \
	VXORPS Y6, Y6, Y6 \
	VXORPS Y7, Y7, Y7

#define ZERO6 \
	ZERO4             \
	VXORPS Y8, Y8, Y8 \
	VXORPS Y9, Y9, Y9 \
	VXORPS Y10, Y10, Y10 \
	VXORPS Y11, Y11, Y11

#define ADD(lo, hi) \
	VADDPS (DI), lo, lo   \
	VADDPS 32(DI), hi, hi \
	ADDQ   R9, DI

#define LOAD(lo, hi) \
	VMOVUPS (DI), lo   \
	VMOVUPS 32(DI), hi \
	ADDQ    R9, DI

#define STORE(lo, hi) \
	VMOVUPS lo, (DI)   \
	VMOVUPS hi, 32(DI) \
	ADDQ    R9, DI

#define EACH4(DO) \
	DO(Y0, Y1) \
	DO(Y2, Y3) \
	DO(Y4, Y5) \
	DO(Y6, Y7)

#define EACH6(DO) \
	EACH4(DO) \
	DO(Y8, Y9) \
	DO(Y10, Y11)

// func rounded6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·rounded6x16(SB), NOSPLIT, $0-80
	ROWS6
	ARGS
	ZERO6
	CMPQ acc+72(FP), $0
	JE   terms
	EACH6(LOAD)
	MOVQ c+48(FP), DI

terms:
	SUBQ $2, CX
	JLT  last

two:
	SIX(ROUNDED)
	SIX(ROUNDED)
	SUBQ $2, CX
	JGE  two

last:
	ADDQ $2, CX
	JZ   store
	SIX(ROUNDED)

store:
	EACH6(STORE)
	VZEROUPPER
	RET

// func rounded4x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·rounded4x16(SB), NOSPLIT, $0-80
	ROWS4
	ARGS
	ZERO4
	CMPQ acc+72(FP), $0
	JE   terms
	EACH4(LOAD)
	MOVQ c+48(FP), DI

terms:
	FOUR(ROUNDED)
	DECQ CX
	JNZ  terms
	EACH4(STORE)
	VZEROUPPER
	RET

// func fused6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·fused6x16(SB), NOSPLIT, $0-80
	ROWS6
	ARGS
	ZERO6
	SUBQ $4, CX
	JLT  few

four:
	SIX(FUSED)
	SIX(FUSED)
	SIX(FUSED)
	SIX(FUSED)
	SUBQ $4, CX
	JGE  four

few:
	ADDQ $4, CX
	JZ   sum

one:
	SIX(FUSED)
	DECQ CX
	JNZ  one

sum:
	CMPQ acc+72(FP), $0
	JE   store
	EACH6(ADD)
	MOVQ c+48(FP), DI

store:
	EACH6(STORE)
	VZEROUPPER
	RET

// func fused4x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·fused4x16(SB), NOSPLIT, $0-80
	ROWS4
	ARGS
	ZERO4
	SUBQ $4, CX
	JLT  few

four:
	FOUR(FUSED)
	FOUR(FUSED)
	FOUR(FUSED)
	FOUR(FUSED)
	SUBQ $4, CX
	JGE  four

few:
	ADDQ $4, CX
	JZ   sum

one:
	FOUR(FUSED)
	DECQ CX
	JNZ  one

sum:
	CMPQ acc+72(FP), $0
	JE   store
	EACH4(ADD)
	MOVQ c+48(FP), DI

store:
	EACH4(STORE)
	VZEROUPPER
	RET
