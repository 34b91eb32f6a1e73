//go:build arm64 && !purego

#include "textflag.h"

// The assembler has no names for FADD and FMUL on vectors of four float32; they are written as the manual encodes them:
// "NAME Vd.4S, Vn.4S, Vm.4S".
#define FADD 0x4E20D400
#define FMUL 0x6E20DC00
#define THREE(op, m, n, d) WORD $(op | m<<16 | n<<5 | d)

// One term of one row: broadcast the element of A to V4, multiply it with the four quarters of B's row (V0 to V3), and
// add the products to the row's four accumulators, of which q is the first: rounded before, as two operations, or fused,
// as one.
#define ROUNDED(row, q, c0, c1, c2, c3) \
	VLD1R.P (row)(R5), [V4.S4] \
	THREE(FMUL, 0, 4, 5)       \
	THREE(FMUL, 1, 4, 6)       \
	THREE(FADD, 5, q, q)       \
	THREE(FMUL, 2, 4, 7)       \
	THREE(FADD, 6, (q+1), (q+1)) \
	THREE(FMUL, 3, 4, 5)       \
	THREE(FADD, 7, (q+2), (q+2)) \
	THREE(FADD, 5, (q+3), (q+3))

#define FUSED(row, q, c0, c1, c2, c3) \
	VLD1R.P (row)(R5), [V4.S4] \
	VFMLA   V0.S4, V4.S4, c0.S4 \
	VFMLA   V1.S4, V4.S4, c1.S4 \
	VFMLA   V2.S4, V4.S4, c2.S4 \
	VFMLA   V3.S4, V4.S4, c3.S4

#define FOUR(ROW) \
	VLD1.P (R2)(R6), [V0.S4, V1.S4, V2.S4, V3.S4] \
	ROW(R1, 8, V8, V9, V10, V11)   \
	ROW(R10, 12, V12, V13, V14, V15) \
	ROW(R11, 16, V16, V17, V18, V19) \
	ROW(R12, 20, V20, V21, V22, V23)

#define SIX(ROW) \
	FOUR(ROW) \
	ROW(R13, 24, V24, V25, V26, V27) \
	ROW(R14, 28, V28, V29, V30, V31)

// R1 and R10 to R14 are the rows of A, R5 the step of each from term to term; R2 is the row of B, R6 its step; R7 is C,
// R8 its step; R3 counts the terms. A row past the last of A points at the last one, so that nothing outside of A is
// read.
#define ROWS4 \
	MOVD a+8(FP), R1          \
	MOVD rowA+16(FP), R5      \
	MOVD rows+64(FP), R3      \
	ADD  R5, R1, R10          \
	CMP  $2, R3               \
	CSEL LT, R1, R10, R10     \
	ADD  R5, R10, R11         \
	CMP  $3, R3               \
	CSEL LT, R10, R11, R11    \
	ADD  R5, R11, R12         \
	CMP  $4, R3               \
	CSEL LT, R11, R12, R12

#define ROWS6 \
	ROWS4                     \
	ADD  R5, R12, R13         \
	CMP  $5, R3               \
	CSEL LT, R12, R13, R13    \
	ADD  R5, R13, R14         \
	CMP  $6, R3               \
	CSEL LT, R13, R14, R14

#define ARGS \
	MOVD k+0(FP), R3          \
	MOVD colA+24(FP), R5      \
	MOVD b+32(FP), R2         \
	MOVD ldb+40(FP), R6       \
	MOVD c+48(FP), R7         \
	MOVD ldc+56(FP), R8       \
	MOVD acc+72(FP), R9

#define ZERO(q, c0, c1, c2, c3) \
	VEOR c0.B16, c0.B16, c0.B16 \
	VEOR c1.B16, c1.B16, c1.B16 \
	VEOR c2.B16, c2.B16, c2.B16 \
	VEOR c3.B16, c3.B16, c3.B16

#define LOAD(q, c0, c1, c2, c3) \
	VLD1.P (R7)(R8), [c0.S4, c1.S4, c2.S4, c3.S4]

#define ADDC(q, c0, c1, c2, c3) \
	VLD1.P (R7)(R8), [V0.S4, V1.S4, V2.S4, V3.S4] \
	THREE(FADD, 0, q, q)       \
	THREE(FADD, 1, (q+1), (q+1)) \
	THREE(FADD, 2, (q+2), (q+2)) \
	THREE(FADD, 3, (q+3), (q+3))

#define STORE(q, c0, c1, c2, c3) \
	VST1.P [c0.S4, c1.S4, c2.S4, c3.S4], (R7)(R8)

#define EACH4(DO) \
	DO(8, V8, V9, V10, V11)    \
	DO(12, V12, V13, V14, V15) \
	DO(16, V16, V17, V18, V19) \
	DO(20, V20, V21, V22, V23)

#define EACH6(DO) \
	EACH4(DO) \
	DO(24, V24, V25, V26, V27) \
	DO(28, V28, V29, V30, V31)

// func rounded6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·rounded6x16(SB), NOSPLIT, $0-80
	ROWS6
	ARGS
	EACH6(ZERO)
	CBZ  R9, terms
	EACH6(LOAD)
	MOVD c+48(FP), R7

terms:
	SIX(ROUNDED)
	SUBS $1, R3, R3
	BGT  terms
	EACH6(STORE)
	RET

// func rounded4x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·rounded4x16(SB), NOSPLIT, $0-80
	ROWS4
	ARGS
	EACH4(ZERO)
	CBZ  R9, terms
	EACH4(LOAD)
	MOVD c+48(FP), R7

terms:
	FOUR(ROUNDED)
	SUBS $1, R3, R3
	BGT  terms
	EACH4(STORE)
	RET

// func fused6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·fused6x16(SB), NOSPLIT, $0-80
	ROWS6
	ARGS
	EACH6(ZERO)

terms:
	SIX(FUSED)
	SUBS $1, R3, R3
	BGT  terms
	CBZ  R9, store
	EACH6(ADDC)
	MOVD c+48(FP), R7

store:
	EACH6(STORE)
	RET

// func fused4x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)
TEXT ·fused4x16(SB), NOSPLIT, $0-80
	ROWS4
	ARGS
	EACH4(ZERO)

terms:
	FOUR(FUSED)
	SUBS $1, R3, R3
	BGT  terms
	CBZ  R9, store
	EACH4(ADDC)
	MOVD c+48(FP), R7

store:
	EACH4(STORE)
	RET
