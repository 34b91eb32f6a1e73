//go:build amd64 && !purego

#include "textflag.h"

// The tiles of gemm_amd64.s with rows of sixteen columns in one register. A panel of B is one register wide, and two
// panels side by side are two; two tiles of six rows, one below the other, are computed together where both are there.
// Z0 to Z11 are the sums of six rows of two panels or of twelve rows of one, Z0 to Z23 those of twelve rows of two.
//
// SI R10 R11 R12 R13 R15 are the rows of A, AX the offset of the term in each, R14 that in the rows of the tile below,
// BX the step of both; DX is the row of B and DI the distance to that of the second panel, R8 its step; CX counts the
// terms. Behind the terms DI is C and R9 its step.

// One term of one row and one panel, Z24, and of two panels, Z24 and Z25: rounded before it is added, or fused.
#define ROUNDED1(base, at, sum) \
	VMULPS.BCST (base)(at*1), Z24, Z26 \
	VADDPS Z26, sum, sum

#define FUSED1(base, at, sum) \
	VFMADD231PS.BCST (base)(at*1), Z24, sum

#define ROUNDED2(base, at, lo, hi) \
	VBROADCASTSS (base)(at*1), Z26 \
	VMULPS Z24, Z26, Z27 \
	VMULPS Z25, Z26, Z26 \
	VADDPS Z27, lo, lo   \
	VADDPS Z26, hi, hi

#define FUSED2(base, at, lo, hi) \
	VBROADCASTSS (base)(at*1), Z26 \
	VFMADD231PS Z24, Z26, lo \
	VFMADD231PS Z25, Z26, hi

// One term of six rows or twelve of one panel or two.
#define ROWS6x1(ROW) \
	ROW(SI, AX, Z0)  \
	ROW(R10, AX, Z1) \
	ROW(R11, AX, Z2) \
	ROW(R12, AX, Z3) \
	ROW(R13, AX, Z4) \
	ROW(R15, AX, Z5)

#define TERM6x1(ROW) \
	VMOVUPS (DX), Z24 \
	ROWS6x1(ROW)      \
	ADDQ BX, AX       \
	ADDQ R8, DX

#define TERM12x1(ROW) \
	VMOVUPS (DX), Z24 \
	ROWS6x1(ROW)      \
	ROW(SI, R14, Z6)  \
	ROW(R10, R14, Z7) \
	ROW(R11, R14, Z8) \
	ROW(R12, R14, Z9) \
	ROW(R13, R14, Z10) \
	ROW(R15, R14, Z11) \
	ADDQ BX, AX       \
	ADDQ BX, R14      \
	ADDQ R8, DX

#define ROWS6x2(ROW) \
	VMOVUPS (DX), Z24         \
	VMOVUPS (DX)(DI*1), Z25   \
	ROW(SI, AX, Z0, Z1)   \
	ROW(R10, AX, Z2, Z3)  \
	ROW(R11, AX, Z4, Z5)  \
	ROW(R12, AX, Z6, Z7)  \
	ROW(R13, AX, Z8, Z9)  \
	ROW(R15, AX, Z10, Z11)

#define TERM6x2(ROW) \
	ROWS6x2(ROW) \
	ADDQ BX, AX  \
	ADDQ R8, DX

#define TERM12x2(ROW) \
	ROWS6x2(ROW) \
	ROW(SI, R14, Z12, Z13)  \
	ROW(R10, R14, Z14, Z15) \
	ROW(R11, R14, Z16, Z17) \
	ROW(R12, R14, Z18, Z19) \
	ROW(R13, R14, Z20, Z21) \
	ROW(R15, R14, Z22, Z23) \
	ADDQ BX, AX  \
	ADDQ BX, R14 \
	ADDQ R8, DX

// KEEP copies B's row to R14.
#define KEEP \
	VMOVUPS Z24, (R14) \
	ADDQ $64, R14

// The rows of A: of up to six, a row past the last points at the last one, so that nothing outside of A is read; or of
// six that are all there.
#define POINT \
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
	CMOVQLT R11, R12        \
	LEAQ (R12)(R8*1), R13   \
	CMPQ CX, $5             \
	CMOVQLT R12, R13        \
	LEAQ (R13)(R8*1), R15   \
	CMPQ CX, $6             \
	CMOVQLT R13, R15

#define POINTALL \
	MOVQ a+8(FP), SI        \
	MOVQ rowA+16(FP), R8    \
	LEAQ (SI)(R8*1), R10    \
	LEAQ (SI)(R8*2), R11    \
	LEAQ (R10)(R8*2), R12   \
	LEAQ (R11)(R8*2), R13   \
	LEAQ (R12)(R8*2), R15

// The other arguments: of one tile, of a column of tiles, and of a column of two panels. Those of a column are moved
// on in the frame.
#define ARGS \
	MOVQ k+0(FP), CX        \
	MOVQ colA+24(FP), BX    \
	MOVQ b+32(FP), DX       \
	MOVQ ldb+40(FP), R8     \
	XORQ AX, AX

#define ARGSMANY \
	POINTALL                \
	MOVQ k+0(FP), CX        \
	MOVQ colA+24(FP), BX    \
	MOVQ stepA+32(FP), R14  \
	MOVQ b+40(FP), DX       \
	MOVQ ldb+48(FP), R8     \
	XORQ AX, AX

#define CTILE \
	MOVQ c+48(FP), DI       \
	MOVQ ldc+56(FP), R9

#define CMANY \
	MOVQ c+56(FP), DI       \
	MOVQ ldc+64(FP), R9

#define CWIDE \
	MOVQ c+64(FP), DI       \
	MOVQ ldc+72(FP), R9

#define ZERO(z) VPXORD z, z, z

#define ADD(z) \
	VADDPS (DI), z, z \
	ADDQ   R9, DI

#define LOAD(z) \
	VMOVUPS (DI), z \
	ADDQ    R9, DI

#define STORE(z) \
	VMOVUPS z, (DI) \
	ADDQ    R9, DI

#define ZERO2(lo, hi) \
	VPXORD lo, lo, lo \
	VPXORD hi, hi, hi

#define ADD2(lo, hi) \
	VADDPS (DI), lo, lo   \
	VADDPS 64(DI), hi, hi \
	ADDQ   R9, DI

#define LOAD2(lo, hi) \
	VMOVUPS (DI), lo   \
	VMOVUPS 64(DI), hi \
	ADDQ    R9, DI

#define STORE2(lo, hi) \
	VMOVUPS lo, (DI)   \
	VMOVUPS hi, 64(DI) \
	ADDQ    R9, DI

// The rows of C are asked for before the terms, so that they are there behind them.
#define AHEAD(z) \
	PREFETCHT0 (DI) \
	ADDQ R9, DI

#define AHEAD2(lo, hi) \
	PREFETCHT0 (DI)   \
	PREFETCHT0 64(DI) \
	ADDQ R9, DI

#define EACH6(DO) \
	DO(Z0) \
	DO(Z1) \
	DO(Z2) \
	DO(Z3) \
	DO(Z4) \
	DO(Z5)

#define EACH12(DO) \
	EACH6(DO) \
	DO(Z6)  \
	DO(Z7)  \
	DO(Z8)  \
	DO(Z9)  \
	DO(Z10) \
	DO(Z11)

#define BOTH6(DO) \
	DO(Z0, Z1) \
	DO(Z2, Z3) \
	DO(Z4, Z5) \
	DO(Z6, Z7) \
	DO(Z8, Z9) \
	DO(Z10, Z11)

#define BOTH12(DO) \
	BOTH6(DO) \
	DO(Z12, Z13) \
	DO(Z14, Z15) \
	DO(Z16, Z17) \
	DO(Z18, Z19) \
	DO(Z20, Z21) \
	DO(Z22, Z23)

// func rounded6x16wide(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·rounded6x16wide(SB), NOSPLIT, $0-80
	POINT
	ARGS
	EACH6(ZERO)
	CMPQ acc+72(FP), $0
	JE   terms
	CTILE
	EACH6(LOAD)

terms:
	TERM6x1(ROUNDED1)
	DECQ CX
	JNZ  terms
	CTILE
	EACH6(STORE)
	VZEROUPPER
	RET

// func fused6x16wide(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·fused6x16wide(SB), NOSPLIT, $0-80
	POINT
	ARGS
	EACH6(ZERO)
	CMPQ acc+72(FP), $0
	JE   terms
	CTILE
	EACH6(AHEAD)

terms:
	SUBQ $4, CX
	JLT  few

four:
	TERM6x1(FUSED1)
	TERM6x1(FUSED1)
	TERM6x1(FUSED1)
	TERM6x1(FUSED1)
	SUBQ $4, CX
	JGE  four

few:
	ADDQ $4, CX
	JZ   sum

one:
	TERM6x1(FUSED1)
	DECQ CX
	JNZ  one

sum:
	CMPQ acc+72(FP), $0
	JE   store
	CTILE
	EACH6(ADD)

store:
	CTILE
	EACH6(STORE)
	VZEROUPPER
	RET

// func roundedKeepWide(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int, keep *float32)
TEXT ·roundedKeepWide(SB), NOSPLIT, $0-80
	POINTALL
	ARGS
	MOVQ keep+72(FP), R14
	EACH6(ZERO)
	CMPQ acc+64(FP), $0
	JE   terms
	CTILE
	EACH6(LOAD)

terms:
	TERM6x1(ROUNDED1)
	KEEP
	DECQ CX
	JNZ  terms
	CTILE
	EACH6(STORE)
	VZEROUPPER
	RET

// func fusedKeepWide(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int, keep *float32)
TEXT ·fusedKeepWide(SB), NOSPLIT, $0-80
	POINTALL
	ARGS
	MOVQ keep+72(FP), R14
	EACH6(ZERO)
	CMPQ acc+64(FP), $0
	JE   terms
	CTILE
	EACH6(AHEAD)

terms:
	SUBQ $2, CX
	JLT  last

two:
	TERM6x1(FUSED1)
	KEEP
	TERM6x1(FUSED1)
	KEEP
	SUBQ $2, CX
	JGE  two

last:
	ADDQ $2, CX
	JZ   sum
	TERM6x1(FUSED1)
	KEEP

sum:
	CMPQ acc+64(FP), $0
	JE   store
	CTILE
	EACH6(ADD)

store:
	CTILE
	EACH6(STORE)
	VZEROUPPER
	RET

// func roundedManyWide(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, tiles, acc int)
TEXT ·roundedManyWide(SB), NOSPLIT, $0-88
	CMPQ tiles+72(FP), $2
	JLT  single

next:
	ARGSMANY
	EACH12(ZERO)
	CMPQ acc+80(FP), $0
	JE   terms
	CMANY
	EACH12(LOAD)

terms:
	TERM12x1(ROUNDED1)
	DECQ CX
	JNZ  terms
	CMANY
	EACH12(STORE)
	MOVQ DI, c+56(FP)
	MOVQ stepA+32(FP), AX
	SHLQ $1, AX
	ADDQ AX, a+8(FP)
	SUBQ $2, tiles+72(FP)
	CMPQ tiles+72(FP), $2
	JGE  next
	CMPQ tiles+72(FP), $0
	JE   done

single:
	ARGSMANY
	EACH6(ZERO)
	CMPQ acc+80(FP), $0
	JE   terms6
	CMANY
	EACH6(LOAD)

terms6:
	TERM6x1(ROUNDED1)
	DECQ CX
	JNZ  terms6
	CMANY
	EACH6(STORE)

done:
	VZEROUPPER
	RET

// func fusedManyWide(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, tiles, acc int)
TEXT ·fusedManyWide(SB), NOSPLIT, $0-88
	CMPQ tiles+72(FP), $2
	JLT  single

next:
	ARGSMANY
	EACH12(ZERO)
	CMPQ acc+80(FP), $0
	JE   terms
	CMANY
	EACH12(AHEAD)

terms:
	SUBQ $2, CX
	JLT  last

two:
	TERM12x1(FUSED1)
	TERM12x1(FUSED1)
	SUBQ $2, CX
	JGE  two

last:
	ADDQ $2, CX
	JZ   sum
	TERM12x1(FUSED1)

sum:
	CMPQ acc+80(FP), $0
	JE   store
	CMANY
	EACH12(ADD)

store:
	CMANY
	EACH12(STORE)
	MOVQ DI, c+56(FP)
	MOVQ stepA+32(FP), AX
	SHLQ $1, AX
	ADDQ AX, a+8(FP)
	SUBQ $2, tiles+72(FP)
	CMPQ tiles+72(FP), $2
	JGE  next
	CMPQ tiles+72(FP), $0
	JE   done

single:
	ARGSMANY
	EACH6(ZERO)
	CMPQ acc+80(FP), $0
	JE   terms6
	CMANY
	EACH6(AHEAD)

terms6:
	SUBQ $4, CX
	JLT  few

four:
	TERM6x1(FUSED1)
	TERM6x1(FUSED1)
	TERM6x1(FUSED1)
	TERM6x1(FUSED1)
	SUBQ $4, CX
	JGE  four

few:
	ADDQ $4, CX
	JZ   sum6

one:
	TERM6x1(FUSED1)
	DECQ CX
	JNZ  one

sum6:
	CMPQ acc+80(FP), $0
	JE   store6
	CMANY
	EACH6(ADD)

store6:
	CMANY
	EACH6(STORE)

done:
	VZEROUPPER
	RET

// func roundedPair(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb, panelB uintptr, c *float32, ldc uintptr, tiles, acc int)
TEXT ·roundedPair(SB), NOSPLIT, $0-96
	CMPQ tiles+80(FP), $2
	JLT  single

next:
	ARGSMANY
	BOTH12(ZERO2)
	CMPQ acc+88(FP), $0
	JE   begin
	CWIDE
	BOTH12(LOAD2)

begin:
	MOVQ panelB+56(FP), DI

terms:
	TERM12x2(ROUNDED2)
	DECQ CX
	JNZ  terms
	CWIDE
	BOTH12(STORE2)
	MOVQ DI, c+64(FP)
	MOVQ stepA+32(FP), AX
	SHLQ $1, AX
	ADDQ AX, a+8(FP)
	SUBQ $2, tiles+80(FP)
	CMPQ tiles+80(FP), $2
	JGE  next
	CMPQ tiles+80(FP), $0
	JE   done

single:
	ARGSMANY
	BOTH6(ZERO2)
	CMPQ acc+88(FP), $0
	JE   begin6
	CWIDE
	BOTH6(LOAD2)

begin6:
	MOVQ panelB+56(FP), DI

terms6:
	TERM6x2(ROUNDED2)
	DECQ CX
	JNZ  terms6
	CWIDE
	BOTH6(STORE2)

done:
	VZEROUPPER
	RET

// func fusedPair(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb, panelB uintptr, c *float32, ldc uintptr, tiles, acc int)
TEXT ·fusedPair(SB), NOSPLIT, $0-96
	CMPQ tiles+80(FP), $2
	JLT  single

next:
	ARGSMANY
	BOTH12(ZERO2)
	CMPQ acc+88(FP), $0
	JE   begin
	CWIDE
	BOTH12(AHEAD2)

begin:
	MOVQ panelB+56(FP), DI
	SUBQ $2, CX
	JLT  last

two:
	TERM12x2(FUSED2)
	TERM12x2(FUSED2)
	SUBQ $2, CX
	JGE  two

last:
	ADDQ $2, CX
	JZ   sum
	TERM12x2(FUSED2)

sum:
	CMPQ acc+88(FP), $0
	JE   store
	CWIDE
	BOTH12(ADD2)

store:
	CWIDE
	BOTH12(STORE2)
	MOVQ DI, c+64(FP)
	MOVQ stepA+32(FP), AX
	SHLQ $1, AX
	ADDQ AX, a+8(FP)
	SUBQ $2, tiles+80(FP)
	CMPQ tiles+80(FP), $2
	JGE  next
	CMPQ tiles+80(FP), $0
	JE   done

single:
	ARGSMANY
	BOTH6(ZERO2)
	CMPQ acc+88(FP), $0
	JE   begin6
	CWIDE
	BOTH6(AHEAD2)

begin6:
	MOVQ panelB+56(FP), DI
	SUBQ $2, CX
	JLT  last6

two6:
	TERM6x2(FUSED2)
	TERM6x2(FUSED2)
	SUBQ $2, CX
	JGE  two6

last6:
	ADDQ $2, CX
	JZ   sum6
	TERM6x2(FUSED2)

sum6:
	CMPQ acc+88(FP), $0
	JE   store6
	CWIDE
	BOTH6(ADD2)

store6:
	CWIDE
	BOTH6(STORE2)

done:
	VZEROUPPER
	RET
