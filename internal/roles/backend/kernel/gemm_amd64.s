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

// KEEP copies B's row to R14.
#define KEEP \
	VMOVUPS Y12, (R14)   \
	VMOVUPS Y13, 32(R14) \
	ADDQ $64, R14

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

// ROWSALL is ROWS6 where all six are there.
#define ROWSALL \
	MOVQ a+8(FP), SI        \
	MOVQ rowA+16(FP), R8    \
	LEAQ (SI)(R8*1), R10    \
	LEAQ (SI)(R8*2), R11    \
	LEAQ (R10)(R8*2), R12   \
	LEAQ (R11)(R8*2), R13   \
	LEAQ (R12)(R8*2), R15

#define ARGS \
	MOVQ k+0(FP), CX        \
	MOVQ colA+24(FP), BX    \
	MOVQ b+32(FP), DX       \
	MOVQ ldb+40(FP), R8     \
	MOVQ c+48(FP), DI       \
	MOVQ ldc+56(FP), R9     \
	XORQ AX, AX

// The rows of C are asked for before the terms, so that they are there behind them.
#define AHEAD4 \
	LEAQ (DI)(R9*2), R14     \
	PREFETCHT0 (DI)          \
	PREFETCHT0 (DI)(R9*1)    \
	PREFETCHT0 (R14)         \
	PREFETCHT0 (R14)(R9*1)

#define AHEAD6 \
	AHEAD4                   \
	LEAQ (R14)(R9*2), R14    \
	PREFETCHT0 (R14)         \
	PREFETCHT0 (R14)(R9*1)

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

// NEXT begins a tile of six rows that are all there, with A at a and C at DI, and keeps where C begins in R14.
#define NEXT \
	ROWSALL                 \
	MOVQ k+0(FP), CX        \
	MOVQ colA+24(FP), BX    \
	MOVQ b+40(FP), DX       \
	MOVQ ldb+48(FP), R8     \
	MOVQ DI, R14            \
	XORQ AX, AX             \
	ZERO6

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
	CMPQ acc+72(FP), $0
	JE   terms
	AHEAD6

terms:
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
	CMPQ acc+72(FP), $0
	JE   terms
	AHEAD4

terms:
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

// func roundedMany(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, tiles, acc int)
TEXT ·roundedMany(SB), NOSPLIT, $0-88
	MOVQ c+56(FP), DI
	MOVQ ldc+64(FP), R9

next:
	NEXT
	CMPQ acc+80(FP), $0
	JE   terms
	EACH6(LOAD)
	MOVQ R14, DI

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
	MOVQ stepA+32(FP), AX
	ADDQ AX, a+8(FP)
	DECQ tiles+72(FP)
	JNZ  next
	VZEROUPPER
	RET

// func fusedMany(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, tiles, acc int)
TEXT ·fusedMany(SB), NOSPLIT, $0-88
	MOVQ c+56(FP), DI
	MOVQ ldc+64(FP), R9

next:
	CMPQ acc+80(FP), $0
	JE   begin
	AHEAD6

begin:
	NEXT
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
	CMPQ acc+80(FP), $0
	JE   store
	EACH6(ADD)
	MOVQ R14, DI

store:
	EACH6(STORE)
	MOVQ stepA+32(FP), AX
	ADDQ AX, a+8(FP)
	DECQ tiles+72(FP)
	JNZ  next
	VZEROUPPER
	RET

// func roundedKeep(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int, keep *float32)
TEXT ·roundedKeep(SB), NOSPLIT, $0-80
	ROWSALL
	ARGS
	MOVQ keep+72(FP), R14
	ZERO6
	CMPQ acc+64(FP), $0
	JE   terms
	EACH6(LOAD)
	MOVQ c+48(FP), DI

terms:
	SIX(ROUNDED)
	KEEP
	DECQ CX
	JNZ  terms
	EACH6(STORE)
	VZEROUPPER
	RET

// func fusedKeep(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int, keep *float32)
TEXT ·fusedKeep(SB), NOSPLIT, $0-80
	ROWSALL
	ARGS
	ZERO6
	CMPQ acc+64(FP), $0
	JE   begin
	AHEAD6

begin:
	MOVQ keep+72(FP), R14
	SUBQ $2, CX
	JLT  last

two:
	SIX(FUSED)
	KEEP
	SIX(FUSED)
	KEEP
	SUBQ $2, CX
	JGE  two

last:
	ADDQ $2, CX
	JZ   sum
	SIX(FUSED)
	KEEP

sum:
	CMPQ acc+64(FP), $0
	JE   store
	EACH6(ADD)
	MOVQ c+48(FP), DI

store:
	EACH6(STORE)
	VZEROUPPER
	RET
