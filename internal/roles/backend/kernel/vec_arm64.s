//go:build arm64 && !purego

#include "textflag.h"

// Elementwise loops over n values, n a multiple of 8 and not 0, two registers of four at a time. Each has the shape:
// load V0 and V1 (and V2 and V3), operate, store. Subnormal numbers are numbers here: Go leaves the mode that flushes
// them off.
//
// The assembler has no names for these instructions on vectors of four float32 (.4S in the manual); they are written
// as the manual encodes them, with the registers m, n and d of "NAME Vd, Vn, Vm" in their fields.
#define FADD 0x4E20D400
#define FSUB 0x4EA0D400
#define FMUL 0x6E20DC00
#define FDIV 0x6E20FC00
#define FCMEQ 0x4E20E400
#define THREE(op, m, n, d) WORD $(op | m<<16 | n<<5 | d)

// FCMLT and FCMGT compare with zero; all bits of a lane are 1 where it holds. BIC is Vn without the bits of Vm.
#define FCMLT0 0x4EA0E800
#define FCMGT0 0x4EA0C800
#define TWO(op, n, d) WORD $(op | n<<5 | d)
#define BIC 0x4E601C00

#define VV(name, op) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVD   dst+0(FP), R0                 \
	MOVD   a+8(FP), R1                   \
	MOVD   b+16(FP), R2                  \
	MOVD   n+24(FP), R3                  \
loop:                                  \
	VLD1.P 32(R1), [V0.S4, V1.S4]        \
	VLD1.P 32(R2), [V2.S4, V3.S4]        \
	THREE(op, 2, 0, 0)                   \
	THREE(op, 3, 1, 1)                   \
	VST1.P [V0.S4, V1.S4], 32(R0)        \
	SUBS   $8, R3, R3                    \
	BGT    loop                          \
	RET

#define VS(name, op) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVD   dst+0(FP), R0                 \
	MOVD   a+8(FP), R1                   \
	FMOVS  b+16(FP), F2                  \
	VDUP   V2.S[0], V2.S4                \
	MOVD   n+24(FP), R3                  \
loop:                                  \
	VLD1.P 32(R1), [V0.S4, V1.S4]        \
	THREE(op, 2, 0, 0)                   \
	THREE(op, 2, 1, 1)                   \
	VST1.P [V0.S4, V1.S4], 32(R0)        \
	SUBS   $8, R3, R3                    \
	BGT    loop                          \
	RET

#define SV(name, op) \
TEXT name(SB), NOSPLIT, $0-32 \
	MOVD   dst+0(FP), R0                 \
	FMOVS  a+8(FP), F2                   \
	VDUP   V2.S[0], V2.S4                \
	MOVD   b+16(FP), R1                  \
	MOVD   n+24(FP), R3                  \
loop:                                  \
	VLD1.P 32(R1), [V0.S4, V1.S4]        \
	THREE(op, 0, 2, 0)                   \
	THREE(op, 1, 2, 1)                   \
	VST1.P [V0.S4, V1.S4], 32(R0)        \
	SUBS   $8, R3, R3                    \
	BGT    loop                          \
	RET

// func addVV8(dst, a, b *float32, n int)
VV(·addVV8, FADD)

// func subVV8(dst, a, b *float32, n int)
VV(·subVV8, FSUB)

// func mulVV8(dst, a, b *float32, n int)
VV(·mulVV8, FMUL)

// func divVV8(dst, a, b *float32, n int)
VV(·divVV8, FDIV)

// func addVS8(dst, a *float32, b float32, n int)
VS(·addVS8, FADD)

// func subVS8(dst, a *float32, b float32, n int)
VS(·subVS8, FSUB)

// func mulVS8(dst, a *float32, b float32, n int)
VS(·mulVS8, FMUL)

// func divVS8(dst, a *float32, b float32, n int)
VS(·divVS8, FDIV)

// func subSV8(dst *float32, a float32, b *float32, n int)
SV(·subSV8, FSUB)

// func divSV8(dst *float32, a float32, b *float32, n int)
SV(·divSV8, FDIV)

// func relu8(dst, x *float32, n int)
//
// The bits of x are cleared where x < 0. A maximum with zero would give the zero its other sign.
TEXT ·relu8(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R3

loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	TWO(FCMLT0, 0, 2)
	TWO(FCMLT0, 1, 3)
	THREE(BIC, 2, 0, 0)
	THREE(BIC, 3, 1, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS   $8, R3, R3
	BGT    loop
	RET

// func reluGrad8(dst, x, dy *float32, n int)
TEXT ·reluGrad8(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD x+8(FP), R1
	MOVD dy+16(FP), R2
	MOVD n+24(FP), R3

loop:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	VLD1.P 32(R2), [V2.S4, V3.S4]
	TWO(FCMGT0, 0, 0)
	TWO(FCMGT0, 1, 1)
	VAND   V0.B16, V2.B16, V2.B16
	VAND   V1.B16, V3.B16, V3.B16
	VST1.P [V2.S4, V3.S4], 32(R0)
	SUBS   $8, R3, R3
	BGT    loop
	RET

// func canonical8(x *float32, nan float32, n int)
//
// nan goes where x does not equal itself.
TEXT ·canonical8(SB), NOSPLIT, $0-24
	MOVD  x+0(FP), R0
	FMOVS nan+8(FP), F4
	VDUP  V4.S[0], V4.S4
	MOVD  n+16(FP), R3

loop:
	VLD1   (R0), [V0.S4, V1.S4]
	THREE(FCMEQ, 0, 0, 2)
	THREE(FCMEQ, 1, 1, 3)
	VBIF   V2.B16, V4.B16, V0.B16
	VBIF   V3.B16, V4.B16, V1.B16
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS   $8, R3, R3
	BGT    loop
	RET
