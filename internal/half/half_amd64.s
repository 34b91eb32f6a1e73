//go:build amd64 && !purego

#include "textflag.h"

DATA round<>+0(SB)/4, $0x7fff
GLOBL round<>(SB), RODATA|NOPTR, $4
DATA one<>+0(SB)/4, $1
GLOBL one<>(SB), RODATA|NOPTR, $4
DATA nanBF16<>+0(SB)/4, $0x7fc0
GLOBL nanBF16<>(SB), RODATA|NOPTR, $4
DATA nanF32<>+0(SB)/4, $0x7fc00000
GLOBL nanF32<>(SB), RODATA|NOPTR, $4

// func narrowBF16x16(dst *tensor.BF16, src *float32, n int)
//
// To the bits of a float32 half of what is cut off is added, less one where the last bit that stays is 0: then the cut
// rounds to the nearest, of two to the even one. 3 is "unordered, quiet": the mask of the NaN. VPACKUSDW packs within
// halves of 128 bits, so the quarters come out as 0, 2, 1, 3.
TEXT ·narrowBF16x16(SB), NOSPLIT, $0-24
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), CX
	XORQ         AX, AX
	VPBROADCASTD round<>(SB), Y15
	VPBROADCASTD one<>(SB), Y14
	VPBROADCASTD nanBF16<>(SB), Y13

loop:
	VMOVUPS   (SI)(AX*4), Y0
	VMOVUPS   32(SI)(AX*4), Y1
	VCMPPS    $3, Y0, Y0, Y2
	VCMPPS    $3, Y1, Y1, Y3
	VPSRLD    $16, Y0, Y4
	VPSRLD    $16, Y1, Y5
	VPAND     Y14, Y4, Y4
	VPAND     Y14, Y5, Y5
	VPADDD    Y15, Y0, Y0
	VPADDD    Y15, Y1, Y1
	VPADDD    Y4, Y0, Y0
	VPADDD    Y5, Y1, Y1
	VPSRLD    $16, Y0, Y0
	VPSRLD    $16, Y1, Y1
	VPBLENDVB Y2, Y13, Y0, Y0
	VPBLENDVB Y3, Y13, Y1, Y1
	VPACKUSDW Y1, Y0, Y0
	VPERMQ    $0xd8, Y0, Y0
	VMOVDQU   Y0, (DI)(AX*2)
	ADDQ      $16, AX
	CMPQ      AX, CX
	JLT       loop
	VZEROUPPER
	RET

// func widenBF16x16(dst *float32, src *tensor.BF16, n int)
TEXT ·widenBF16x16(SB), NOSPLIT, $0-24
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), CX
	XORQ         AX, AX
	VBROADCASTSS nanF32<>(SB), Y15

loop:
	VPMOVZXWD (SI)(AX*2), Y0
	VPMOVZXWD 16(SI)(AX*2), Y1
	VPSLLD    $16, Y0, Y0
	VPSLLD    $16, Y1, Y1
	VCMPPS    $3, Y0, Y0, Y2
	VCMPPS    $3, Y1, Y1, Y3
	VBLENDVPS Y2, Y15, Y0, Y0
	VBLENDVPS Y3, Y15, Y1, Y1
	VMOVUPS   Y0, (DI)(AX*4)
	VMOVUPS   Y1, 32(DI)(AX*4)
	ADDQ      $16, AX
	CMPQ      AX, CX
	JLT       loop
	VZEROUPPER
	RET

// func narrowF16x16(dst *tensor.F16, src *float32, n int)
//
// The 0 of VCVTPS2PH is "nearest, of two the even one", whatever the mode of the processor is. It keeps sign and payload
// of a NaN, so each is made the one NaN before.
TEXT ·narrowF16x16(SB), NOSPLIT, $0-24
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), CX
	XORQ         AX, AX
	VBROADCASTSS nanF32<>(SB), Y15

loop:
	VMOVUPS   (SI)(AX*4), Y0
	VMOVUPS   32(SI)(AX*4), Y1
	VCMPPS    $3, Y0, Y0, Y2
	VCMPPS    $3, Y1, Y1, Y3
	VBLENDVPS Y2, Y15, Y0, Y0
	VBLENDVPS Y3, Y15, Y1, Y1
	VCVTPS2PH $0, Y0, (DI)(AX*2)
	VCVTPS2PH $0, Y1, 16(DI)(AX*2)
	ADDQ      $16, AX
	CMPQ      AX, CX
	JLT       loop
	VZEROUPPER
	RET

// func widenF16x16(dst *float32, src *tensor.F16, n int)
TEXT ·widenF16x16(SB), NOSPLIT, $0-24
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), CX
	XORQ         AX, AX
	VBROADCASTSS nanF32<>(SB), Y15

loop:
	VCVTPH2PS (SI)(AX*2), Y0
	VCVTPH2PS 16(SI)(AX*2), Y1
	VCMPPS    $3, Y0, Y0, Y2
	VCMPPS    $3, Y1, Y1, Y3
	VBLENDVPS Y2, Y15, Y0, Y0
	VBLENDVPS Y3, Y15, Y1, Y1
	VMOVUPS   Y0, (DI)(AX*4)
	VMOVUPS   Y1, 32(DI)(AX*4)
	ADDQ      $16, AX
	CMPQ      AX, CX
	JLT       loop
	VZEROUPPER
	RET
