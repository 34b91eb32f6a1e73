//go:build amd64 && !purego

#include "textflag.h"

// ones is 16 words of ones and 16 of zeros: the 8 words from the (16-n)-th on are a mask of n lanes, n at most 8 or 16.
DATA ones<>+0(SB)/8, $-1
DATA ones<>+8(SB)/8, $-1
DATA ones<>+16(SB)/8, $-1
DATA ones<>+24(SB)/8, $-1
DATA ones<>+32(SB)/8, $-1
DATA ones<>+40(SB)/8, $-1
DATA ones<>+48(SB)/8, $-1
DATA ones<>+56(SB)/8, $-1
DATA ones<>+64(SB)/8, $0
DATA ones<>+72(SB)/8, $0
DATA ones<>+80(SB)/8, $0
DATA ones<>+88(SB)/8, $0
DATA ones<>+96(SB)/8, $0
DATA ones<>+104(SB)/8, $0
DATA ones<>+112(SB)/8, $0
DATA ones<>+120(SB)/8, $0
GLOBL ones<>(SB), RODATA|NOPTR, $128

// evens is 0, 2, … 14.
DATA evens<>+0(SB)/8, $0x0000000200000000
DATA evens<>+8(SB)/8, $0x0000000600000004
DATA evens<>+16(SB)/8, $0x0000000a00000008
DATA evens<>+24(SB)/8, $0x0000000e0000000c
GLOBL evens<>(SB), RODATA|NOPTR, $32

// BETTER takes v into the greatest so far, Y0, and its place p into Y1, where v is greater, or a NaN and the greatest
// none. 0x16 is "not less or equal, or unordered, quiet", 7 "ordered, quiet".
#define BETTER(v, p) \
	VCMPPS    $0x16, Y0, v, Y4 \
	VCMPPS    $7, Y0, Y0, Y5   \
	VANDPS    Y5, Y4, Y4       \
	VBLENDVPS Y4, v, Y0, Y0    \
	VBLENDVPS Y4, p, Y1, Y1

// GREATEST leaves in Y0 the greatest of 8 windows and in Y1 where it is in the two lines, for the elements Y2 and Y3 of
// the upper line and Y12, Y13 of the lower. A maximum with Y6, -Inf or 0, comes first: it gives the element where that
// is NaN or both are zero.
#define GREATEST \
	VMAXPS  Y2, Y6, Y2         \
	VMAXPS  Y3, Y6, Y3         \
	VMAXPS  Y12, Y6, Y12       \
	VMAXPS  Y13, Y6, Y13       \
	VSHUFPS $0x88, Y3, Y2, Y0  \
	VSHUFPS $0xDD, Y3, Y2, Y2  \
	VXORPS  Y1, Y1, Y1         \
	BETTER(Y2, Y7)             \
	VSHUFPS $0x88, Y13, Y12, Y2 \
	BETTER(Y2, Y8)             \
	VSHUFPS $0xDD, Y13, Y12, Y2 \
	BETTER(Y2, Y9)             \
	VPERMPD $0xD8, Y0, Y0      \
	VPERMPD $0xD8, Y1, Y1      \
	VPADDD  Y10, Y1, Y1

// PLACES makes of Y1 places of 64 bits in Y1 and Y2, from R13 on.
#define PLACES \
	VMOVQ        R13, X3  \
	VPBROADCASTQ X3, Y3   \
	VEXTRACTI128 $1, Y1, X2 \
	VPMOVSXDQ    X2, Y2   \
	VPMOVSXDQ    X1, Y1   \
	VPADDQ       Y3, Y1, Y1 \
	VPADDQ       Y3, Y2, Y2

// func maxQuarters(y *float32, at *int64, x *float32, width, lines, n, base int, low float32)
TEXT ·maxQuarters(SB), NOSPLIT, $0-60
	MOVQ y+0(FP), DI
	MOVQ at+8(FP), SI
	MOVQ x+16(FP), DX
	MOVQ width+24(FP), R8
	MOVQ lines+32(FP), R9
	MOVQ n+40(FP), R10
	MOVQ base+48(FP), R11
	VBROADCASTSS low+56(FP), Y6
	MOVL $1, AX
	VMOVD AX, X7
	VPBROADCASTD X7, Y7
	VMOVD R8, X8
	VPBROADCASTD X8, Y8
	VPADDD Y7, Y8, Y9
	VMOVDQU evens<>(SB), Y10
	SHLQ $2, R8
	MOVQ R10, R12
	ANDQ $7, R12
	LEAQ ones<>+64(SB), BX
	MOVQ R12, AX
	SHLQ $2, AX
	MOVQ BX, R14
	SUBQ AX, R14          // a mask of as many lanes as are left
	MOVQ BX, R15
	SHLQ $1, AX
	SUBQ AX, R15          // and of twice as many, in 16
	VMOVDQU (R14), Y11

line:
	MOVQ R10, CX
	MOVQ DX, BX
	MOVQ R11, R13

full:
	CMPQ CX, $8
	JLT  rest
	VMOVUPS (BX), Y2
	VMOVUPS 32(BX), Y3
	VMOVUPS (BX)(R8*1), Y12
	VMOVUPS 32(BX)(R8*1), Y13
	GREATEST
	VMOVUPS Y0, (DI)
	TESTQ SI, SI
	JZ   next
	PLACES
	VMOVDQU Y1, (SI)
	VMOVDQU Y2, 32(SI)
	ADDQ $64, SI

next:
	ADDQ $32, DI
	ADDQ $64, BX
	ADDQ $16, R13
	SUBQ $8, CX
	JMP  full

rest:
	TESTQ CX, CX
	JZ   done
	VMOVDQU (R15), Y14
	VMOVDQU 32(R15), Y15
	VMASKMOVPS (BX), Y14, Y2
	VMASKMOVPS 32(BX), Y15, Y3
	VMASKMOVPS (BX)(R8*1), Y14, Y12
	VMASKMOVPS 32(BX)(R8*1), Y15, Y13
	GREATEST
	VMASKMOVPS Y0, Y11, (DI)
	LEAQ (DI)(R12*4), DI
	TESTQ SI, SI
	JZ   done
	PLACES
	VPMOVSXDQ (R14), Y14
	VPMOVSXDQ 16(R14), Y15
	VPMASKMOVQ Y1, Y14, (SI)
	VPMASKMOVQ Y2, Y15, 32(SI)
	LEAQ (SI)(R12*8), SI

done:
	LEAQ (DX)(R8*2), DX
	MOVQ R8, BX
	SHRQ $1, BX
	ADDQ BX, R11 // two lines further: 2·width elements, 4·width bytes to a line
	DECQ R9
	JNZ  line
	VZEROUPPER
	RET

// GIVEN makes of 8 values Y0 and their places Y1 (8 of 32 bits) 16 elements of two lines, in Y2, Y3 and Y12, Y13.
#define GIVEN \
	VPCMPEQD  Y1, Y6, Y2       \
	VANDPS    Y0, Y2, Y2       \
	VPCMPEQD  Y1, Y7, Y3       \
	VANDPS    Y0, Y3, Y3       \
	VPCMPEQD  Y1, Y8, Y4       \
	VANDPS    Y0, Y4, Y4       \
	VPCMPEQD  Y1, Y9, Y5       \
	VANDPS    Y0, Y5, Y5       \
	VUNPCKLPS Y3, Y2, Y12      \
	VUNPCKHPS Y3, Y2, Y13      \
	VPERM2F128 $0x20, Y13, Y12, Y2 \
	VPERM2F128 $0x31, Y13, Y12, Y3 \
	VUNPCKLPS Y5, Y4, Y0       \
	VUNPCKHPS Y5, Y4, Y1       \
	VPERM2F128 $0x20, Y1, Y0, Y12 \
	VPERM2F128 $0x31, Y1, Y0, Y13

// WITHIN makes of the places Y1 and Y2 those in the two lines, in Y1, less what the window begins at.
#define WITHIN \
	VMOVQ        R13, X3  \
	VPBROADCASTQ X3, Y3   \
	VPSUBQ       Y3, Y1, Y1 \
	VPSUBQ       Y3, Y2, Y2 \
	VSHUFPS      $0x88, Y2, Y1, Y1 \
	VPERMPD      $0xD8, Y1, Y1 \
	VPSUBD       Y10, Y1, Y1

// func giveQuarters(dst, dy *float32, at *int64, top *float32, width, lines, n, base int)
TEXT ·giveQuarters(SB), NOSPLIT, $0-64
	MOVQ dst+0(FP), DX
	MOVQ dy+8(FP), DI
	MOVQ at+16(FP), SI
	MOVQ top+24(FP), AX
	MOVQ width+32(FP), R8
	MOVQ lines+40(FP), R9
	MOVQ n+48(FP), R10
	MOVQ base+56(FP), R11
	VPXOR Y6, Y6, Y6
	MOVL $1, CX
	VMOVD CX, X7
	VPBROADCASTD X7, Y7
	VMOVD R8, X8
	VPBROADCASTD X8, Y8
	VPADDD Y7, Y8, Y9
	VMOVDQU evens<>(SB), Y10
	SHLQ $2, R8
	MOVQ R10, R12
	ANDQ $7, R12
	LEAQ ones<>+64(SB), BX
	MOVQ R12, CX
	SHLQ $2, CX
	MOVQ BX, R14
	SUBQ CX, R14
	MOVQ BX, R15
	SHLQ $1, CX
	SUBQ CX, R15
	VMOVDQU (R14), Y11

line:
	MOVQ R10, CX
	MOVQ DX, BX
	MOVQ R11, R13

full:
	CMPQ CX, $8
	JLT  rest
	VADDPS (DI), Y6, Y0
	VMOVDQU (SI), Y1
	VMOVDQU 32(SI), Y2
	TESTQ AX, AX
	JZ   all
	VCMPPS $0x11, (AX), Y6, Y3
	VANDPS Y3, Y0, Y0
	ADDQ $32, AX

all:
	WITHIN
	GIVEN
	VMOVUPS Y2, (BX)
	VMOVUPS Y3, 32(BX)
	VMOVUPS Y12, (BX)(R8*1)
	VMOVUPS Y13, 32(BX)(R8*1)
	ADDQ $32, DI
	ADDQ $64, SI
	ADDQ $64, BX
	ADDQ $16, R13
	SUBQ $8, CX
	JMP  full

rest:
	TESTQ CX, CX
	JZ   done
	VPMOVSXDQ (R14), Y14
	VPMOVSXDQ 16(R14), Y15
	VPMASKMOVQ (SI), Y14, Y1
	VPMASKMOVQ 32(SI), Y15, Y2
	VMASKMOVPS (DI), Y11, Y0
	VADDPS Y0, Y6, Y0
	TESTQ AX, AX
	JZ   some
	VMASKMOVPS (AX), Y11, Y3
	VCMPPS $0x11, Y3, Y6, Y3
	VANDPS Y3, Y0, Y0
	LEAQ (AX)(R12*4), AX

some:
	WITHIN
	GIVEN
	VMOVDQU (R15), Y14
	VMOVDQU 32(R15), Y15
	VMASKMOVPS Y2, Y14, (BX)
	VMASKMOVPS Y3, Y15, 32(BX)
	VMASKMOVPS Y12, Y14, (BX)(R8*1)
	VMASKMOVPS Y13, Y15, 32(BX)(R8*1)
	LEAQ (DI)(R12*4), DI
	LEAQ (SI)(R12*8), SI

done:
	LEAQ (DX)(R8*2), DX
	MOVQ R8, BX
	SHRQ $1, BX
	ADDQ BX, R11
	DECQ R9
	JNZ  line
	VZEROUPPER
	RET
