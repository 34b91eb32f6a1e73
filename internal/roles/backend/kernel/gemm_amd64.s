//go:build amd64 && !purego

#include "textflag.h"

// One term of one row: broadcast the element of A, multiply it with both halves of B's row (Y12, Y13), add the rounded
// products to the row's two accumulators. Multiply and add stay two instructions: a fused one would round once.
#define ROW(base, lo, hi) \
	VBROADCASTSS (base)(AX*1), Y14 \
	VMULPS Y12, Y14, Y15 \
	VMULPS Y13, Y14, Y14 \
	VADDPS Y15, lo, lo   \
	VADDPS Y14, hi, hi

#define TERM \
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

// func tile6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
//
// SI R10 R11 R12 R13 R15 are the six rows of A, AX the offset of the term in each, BX its step; DX is the row of B, R8 its
// step; DI is C, R9 its step; CX counts the terms. A row past the last of A points at the last one, so that nothing
// outside of A is read.
TEXT ·tile6x16(SB), NOSPLIT, $0-80
	MOVQ a+8(FP), SI
	MOVQ rowA+16(FP), R8
	MOVQ rows+64(FP), CX
	LEAQ (SI)(R8*1), R10
	CMPQ CX, $2
	CMOVQLT SI, R10
	LEAQ (R10)(R8*1), R11
	CMPQ CX, $3
	CMOVQLT R10, R11
	LEAQ (R11)(R8*1), R12
	CMPQ CX, $4
	CMOVQLT R11, R12
	LEAQ (R12)(R8*1), R13
	CMPQ CX, $5
	CMOVQLT R12, R13
	LEAQ (R13)(R8*1), R15
	CMPQ CX, $6
	CMOVQLT R13, R15
	MOVQ k+0(FP), CX
	MOVQ colA+24(FP), BX
	MOVQ b+32(FP), DX
	MOVQ ldb+40(FP), R8
	MOVQ c+48(FP), DI
	MOVQ ldc+56(FP), R9
	XORQ AX, AX
	CMPQ acc+72(FP), $0
	JNE  load

	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	VXORPS Y8, Y8, Y8
	VXORPS Y9, Y9, Y9
	VXORPS Y10, Y10, Y10
	VXORPS Y11, Y11, Y11
	JMP    terms

load:
	VMOVUPS (DI), Y0
	VMOVUPS 32(DI), Y1
	ADDQ    R9, DI
	VMOVUPS (DI), Y2
	VMOVUPS 32(DI), Y3
	ADDQ    R9, DI
	VMOVUPS (DI), Y4
	VMOVUPS 32(DI), Y5
	ADDQ    R9, DI
	VMOVUPS (DI), Y6
	VMOVUPS 32(DI), Y7
	ADDQ    R9, DI
	VMOVUPS (DI), Y8
	VMOVUPS 32(DI), Y9
	ADDQ    R9, DI
	VMOVUPS (DI), Y10
	VMOVUPS 32(DI), Y11
	MOVQ    c+48(FP), DI

terms:
	SUBQ $2, CX
	JLT  last

two:
	TERM
	TERM
	SUBQ $2, CX
	JGE  two

last:
	ADDQ $2, CX
	JZ   store
	TERM

store:
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    R9, DI
	VMOVUPS Y2, (DI)
	VMOVUPS Y3, 32(DI)
	ADDQ    R9, DI
	VMOVUPS Y4, (DI)
	VMOVUPS Y5, 32(DI)
	ADDQ    R9, DI
	VMOVUPS Y6, (DI)
	VMOVUPS Y7, 32(DI)
	ADDQ    R9, DI
	VMOVUPS Y8, (DI)
	VMOVUPS Y9, 32(DI)
	ADDQ    R9, DI
	VMOVUPS Y10, (DI)
	VMOVUPS Y11, 32(DI)
	VZEROUPPER
	RET
