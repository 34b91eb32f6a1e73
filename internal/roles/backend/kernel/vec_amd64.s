//go:build amd64 && !purego

#include "textflag.h"

// Elementwise loops over n values, n a multiple of 8 and not 0. Each has the shape: load Y0 (and Y1), operate, store.

#define VV(name, OP) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVQ dst+0(FP), DI       \
	MOVQ a+8(FP), SI         \
	MOVQ b+16(FP), DX        \
	MOVQ n+24(FP), CX        \
	XORQ AX, AX              \
loop:                      \
	VMOVUPS (SI)(AX*4), Y0   \
	OP      (DX)(AX*4), Y0, Y0 \
	VMOVUPS Y0, (DI)(AX*4)   \
	ADDQ    $8, AX           \
	CMPQ    AX, CX           \
	JLT     loop             \
	VZEROUPPER               \
	RET

#define VS(name, OP) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVQ dst+0(FP), DI       \
	MOVQ a+8(FP), SI         \
	VBROADCASTSS b+16(FP), Y1 \
	MOVQ n+24(FP), CX        \
	XORQ AX, AX              \
loop:                      \
	VMOVUPS (SI)(AX*4), Y0   \
	OP      Y1, Y0, Y0       \
	VMOVUPS Y0, (DI)(AX*4)   \
	ADDQ    $8, AX           \
	CMPQ    AX, CX           \
	JLT     loop             \
	VZEROUPPER               \
	RET

#define SV(name, OP) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVQ dst+0(FP), DI       \
	VBROADCASTSS a+8(FP), Y1 \
	MOVQ b+16(FP), DX        \
	MOVQ n+24(FP), CX        \
	XORQ AX, AX              \
loop:                      \
	OP      (DX)(AX*4), Y1, Y0 \
	VMOVUPS Y0, (DI)(AX*4)   \
	ADDQ    $8, AX           \
	CMPQ    AX, CX           \
	JLT     loop             \
	VZEROUPPER               \
	RET

// func addVV8(dst, a, b *float32, n int)
VV(·addVV8, VADDPS)

// func subVV8(dst, a, b *float32, n int)
VV(·subVV8, VSUBPS)

// func mulVV8(dst, a, b *float32, n int)
VV(·mulVV8, VMULPS)

// func divVV8(dst, a, b *float32, n int)
VV(·divVV8, VDIVPS)

// func addVS8(dst, a *float32, b float32, n int)
VS(·addVS8, VADDPS)

// func subVS8(dst, a *float32, b float32, n int)
VS(·subVS8, VSUBPS)

// func mulVS8(dst, a *float32, b float32, n int)
VS(·mulVS8, VMULPS)

// func divVS8(dst, a *float32, b float32, n int)
VS(·divVS8, VDIVPS)

// func subSV8(dst *float32, a float32, b *float32, n int)
SV(·subSV8, VSUBPS)

// func divSV8(dst *float32, a float32, b *float32, n int)
SV(·divSV8, VDIVPS)

// func relu8(dst, x *float32, n int)
//
// The maximum instruction gives its second source when an operand is NaN or both are zero: x, as the scalar loop does.
TEXT ·relu8(SB), NOSPLIT, $0-24
	MOVQ   dst+0(FP), DI
	MOVQ   x+8(FP), SI
	MOVQ   n+16(FP), CX
	XORQ   AX, AX
	VXORPS Y1, Y1, Y1

loop:
	VMAXPS  (SI)(AX*4), Y1, Y0
	VMOVUPS Y0, (DI)(AX*4)
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET

// func reluGrad8(dst, x, dy *float32, n int)
//
// 0x11 is "less than, ordered, quiet": the mask of 0 < x, which no NaN passes.
TEXT ·reluGrad8(SB), NOSPLIT, $0-32
	MOVQ   dst+0(FP), DI
	MOVQ   x+8(FP), SI
	MOVQ   dy+16(FP), DX
	MOVQ   n+24(FP), CX
	XORQ   AX, AX
	VXORPS Y1, Y1, Y1

loop:
	VCMPPS  $0x11, (SI)(AX*4), Y1, Y0
	VANDPS  (DX)(AX*4), Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET

// func canonical8(x *float32, nan float32, n int)
//
// 3 is "unordered, quiet": the mask of the NaN in x.
TEXT ·canonical8(SB), NOSPLIT, $0-24
	MOVQ         x+0(FP), DI
	VBROADCASTSS nan+8(FP), Y1
	MOVQ         n+16(FP), CX
	XORQ         AX, AX

loop:
	VMOVUPS   (DI)(AX*4), Y0
	VCMPPS    $3, Y0, Y0, Y2
	VBLENDVPS Y2, Y1, Y0, Y0
	VMOVUPS   Y0, (DI)(AX*4)
	ADDQ      $8, AX
	CMPQ      AX, CX
	JLT       loop
	VZEROUPPER
	RET
