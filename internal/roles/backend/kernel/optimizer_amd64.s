//go:build amd64 && !purego

#include "textflag.h"

// The loops of optimizer.go on eight values, operation by operation. n is a multiple of 8 and not 0.

// func adagrad8(c *AdagradStep[float32], xOut, hOut, x, d, h *float32, n int)
TEXT ·adagrad8(SB), NOSPLIT, $0-56
	MOVQ         c+0(FP), AX
	MOVQ         xOut+8(FP), DI
	MOVQ         hOut+16(FP), R8
	MOVQ         x+24(FP), SI
	MOVQ         d+32(FP), R9
	MOVQ         h+40(FP), R10
	MOVQ         n+48(FP), CX
	VBROADCASTSS (AX), Y8
	VBROADCASTSS 4(AX), Y9
	VBROADCASTSS 8(AX), Y10
	XORQ         AX, AX

loop:
	VMOVUPS (SI)(AX*4), Y0
	VMULPS  Y8, Y0, Y1
	VADDPS  (R9)(AX*4), Y1, Y1
	VMULPS  Y1, Y1, Y2
	VADDPS  (R10)(AX*4), Y2, Y2
	VMULPS  Y9, Y1, Y1
	VSQRTPS Y2, Y3
	VADDPS  Y10, Y3, Y3
	VDIVPS  Y3, Y1, Y1
	VSUBPS  Y1, Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	VMOVUPS Y2, (R8)(AX*4)
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET

// func adam8(c *AdamStep[float32], xOut, vOut, hOut, x, d, v, h *float32, n int)
TEXT ·adam8(SB), NOSPLIT, $0-72
	MOVQ         c+0(FP), AX
	MOVQ         xOut+8(FP), DI
	MOVQ         vOut+16(FP), R8
	MOVQ         hOut+24(FP), R9
	MOVQ         x+32(FP), SI
	MOVQ         d+40(FP), R10
	MOVQ         v+48(FP), R11
	MOVQ         h+56(FP), R12
	MOVQ         n+64(FP), CX
	VBROADCASTSS (AX), Y6
	VBROADCASTSS 4(AX), Y7
	VBROADCASTSS 8(AX), Y8
	VBROADCASTSS 12(AX), Y9
	VBROADCASTSS 16(AX), Y10
	VBROADCASTSS 20(AX), Y11
	VBROADCASTSS 24(AX), Y12
	VBROADCASTSS 28(AX), Y13
	XORQ         AX, AX

loop:
	VMOVUPS (SI)(AX*4), Y0
	VMULPS  Y6, Y0, Y1
	VADDPS  (R10)(AX*4), Y1, Y1
	VMULPS  (R11)(AX*4), Y7, Y2
	VMULPS  Y8, Y1, Y3
	VADDPS  Y3, Y2, Y2
	VMULPS  Y10, Y1, Y3
	VMULPS  Y1, Y3, Y3
	VMULPS  (R12)(AX*4), Y9, Y4
	VADDPS  Y3, Y4, Y3
	VMULPS  Y11, Y2, Y4
	VSQRTPS Y3, Y5
	VADDPS  Y12, Y5, Y5
	VDIVPS  Y5, Y4, Y4
	VSUBPS  Y4, Y0, Y0
	VMULPS  Y13, Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	VMOVUPS Y2, (R8)(AX*4)
	VMOVUPS Y3, (R9)(AX*4)
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET

// func momentum8(c *MomentumStep[float32], nesterov bool, xOut, vOut, x, d, v *float32, n int)
TEXT ·momentum8(SB), NOSPLIT, $0-64
	MOVQ         c+0(FP), AX
	MOVBLZX      nesterov+8(FP), DX
	MOVQ         xOut+16(FP), DI
	MOVQ         vOut+24(FP), R8
	MOVQ         x+32(FP), SI
	MOVQ         d+40(FP), R9
	MOVQ         v+48(FP), R10
	MOVQ         n+56(FP), CX
	VBROADCASTSS (AX), Y6
	VBROADCASTSS 4(AX), Y7
	VBROADCASTSS 8(AX), Y8
	VBROADCASTSS 12(AX), Y9
	XORQ         AX, AX

loop:
	VMOVUPS (SI)(AX*4), Y0
	VMULPS  Y6, Y0, Y1
	VADDPS  (R9)(AX*4), Y1, Y1
	VMULPS  (R10)(AX*4), Y7, Y2
	VMULPS  Y8, Y1, Y3
	VADDPS  Y3, Y2, Y2
	VMOVAPS Y2, Y3
	TESTL   DX, DX
	JEQ     step
	VMULPS  Y7, Y2, Y3
	VADDPS  Y3, Y1, Y3

step:
	VMULPS  Y9, Y3, Y3
	VSUBPS  Y3, Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	VMOVUPS Y2, (R8)(AX*4)
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET
