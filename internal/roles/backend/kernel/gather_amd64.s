//go:build amd64 && !purego

#include "textflag.h"

// func gatherPanel(panel, frames *float32, deltas *int32, terms int, runs *run, n int)
//
// Each run is copied 16 values long; what is too much of it is written over by the next run, or by the next term.
TEXT ·gatherPanel(SB), NOSPLIT, $0-48
	MOVQ panel+0(FP), DI
	MOVQ frames+8(FP), SI
	MOVQ deltas+16(FP), DX
	MOVQ terms+24(FP), CX
	MOVQ runs+32(FP), R8
	MOVQ n+40(FP), R9
	CMPQ R9, $1
	JNE  many
	ADDQ (R8), SI

one:
	MOVLQSX (DX), AX
	VMOVUPS (SI)(AX*4), Y0
	VMOVUPS 32(SI)(AX*4), Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    $4, DX
	ADDQ    $64, DI
	DECQ    CX
	JNZ     one
	VZEROUPPER
	RET

many:
	MOVLQSX (DX), AX
	LEAQ    (SI)(AX*4), BX
	MOVQ    R8, R10
	MOVQ    R9, R11

each:
	MOVQ    (R10), R12
	MOVQ    8(R10), R13
	VMOVUPS (BX)(R12*1), Y0
	VMOVUPS 32(BX)(R12*1), Y1
	VMOVUPS Y0, (DI)(R13*1)
	VMOVUPS Y1, 32(DI)(R13*1)
	ADDQ    $24, R10
	DECQ    R11
	JNZ     each
	ADDQ    $4, DX
	ADDQ    $64, DI
	DECQ    CX
	JNZ     many
	VZEROUPPER
	RET

// func gatherRows(rows *float32, stride int, frames *float32, deltas *int32, terms int, runs *run, n int)
//
// Each run is copied in steps of 8 values; what is too much of it is written over by the next one.
TEXT ·gatherRows(SB), NOSPLIT, $0-56
	MOVQ rows+0(FP), DI
	MOVQ stride+8(FP), R15
	MOVQ frames+16(FP), SI
	MOVQ deltas+24(FP), DX
	MOVQ terms+32(FP), CX
	MOVQ runs+40(FP), R8
	MOVQ n+48(FP), R9

term:
	MOVLQSX (DX), AX
	LEAQ    (SI)(AX*4), BX
	MOVQ    R8, R10
	MOVQ    R9, R11

each:
	MOVQ (R10), R12
	ADDQ BX, R12
	MOVQ 8(R10), R13
	ADDQ DI, R13
	MOVQ 16(R10), AX

copy:
	VMOVUPS (R12), Y0
	VMOVUPS Y0, (R13)
	ADDQ    $32, R12
	ADDQ    $32, R13
	SUBQ    $8, AX
	JG      copy
	ADDQ    $24, R10
	DECQ    R11
	JNZ     each
	ADDQ    $4, DX
	ADDQ    R15, DI
	DECQ    CX
	JNZ     term
	VZEROUPPER
	RET

// FOUR writes four columns of eight rows, which begin R8, R11 and are R9 apart, as four rows of a panel.
#define FOUR(from, a, b, c, d) \
	VMOVUPS     from(R8), X0                 \
	VINSERTF128 $1, from(R11), Y0, Y0        \
	VMOVUPS     from(R8)(R9*1), X1           \
	VINSERTF128 $1, from(R11)(R9*1), Y1, Y1  \
	VMOVUPS     from(R8)(R9*2), X2           \
	VINSERTF128 $1, from(R11)(R9*2), Y2, Y2  \
	VMOVUPS     from(R10), X3                \
	VINSERTF128 $1, from(R12), Y3, Y3        \
	VUNPCKLPS   Y1, Y0, Y4                   \
	VUNPCKHPS   Y1, Y0, Y5                   \
	VUNPCKLPS   Y3, Y2, Y6                   \
	VUNPCKHPS   Y3, Y2, Y7                   \
	VSHUFPS     $0x44, Y6, Y4, Y0            \
	VSHUFPS     $0xEE, Y6, Y4, Y1            \
	VSHUFPS     $0x44, Y7, Y5, Y2            \
	VSHUFPS     $0xEE, Y7, Y5, Y3            \
	VMOVUPS     Y0, a(DI)                    \
	VMOVUPS     Y1, b(DI)                    \
	VMOVUPS     Y2, c(DI)                    \
	VMOVUPS     Y3, d(DI)

// func turn16(panel, rows *float32, stride, terms int)
TEXT ·turn16(SB), NOSPLIT, $0-32
	MOVQ panel+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ stride+16(FP), R9
	MOVQ terms+24(FP), CX
	LEAQ (R9)(R9*2), R13 // three rows

eight:
	MOVQ SI, R8
	LEAQ (R8)(R13*1), R10
	LEAQ (R8)(R9*4), R11
	LEAQ (R11)(R13*1), R12
	FOUR(0, 0, 64, 128, 192)
	FOUR(16, 256, 320, 384, 448)
	LEAQ (R8)(R9*8), R8
	LEAQ (R8)(R13*1), R10
	LEAQ (R8)(R9*4), R11
	LEAQ (R11)(R13*1), R12
	FOUR(0, 32, 96, 160, 224)
	FOUR(16, 288, 352, 416, 480)
	ADDQ $32, SI
	ADDQ $512, DI
	SUBQ $8, CX
	JG   eight
	VZEROUPPER
	RET

// func fusedRow(dst, frame *float32, deltas *int32, a *float32, terms, n int)
TEXT ·fusedRow(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ frame+8(FP), SI
	MOVQ deltas+16(FP), DX
	MOVQ a+24(FP), R8
	MOVQ terms+32(FP), R9
	MOVQ n+40(FP), CX

wide:
	CMPQ   CX, $32
	JLT    narrow
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	XORQ   R10, R10

four:
	MOVLQSX      (DX)(R10*4), AX
	VBROADCASTSS (R8)(R10*4), Y4
	VFMADD231PS  (SI)(AX*4), Y4, Y0
	VFMADD231PS  32(SI)(AX*4), Y4, Y1
	VFMADD231PS  64(SI)(AX*4), Y4, Y2
	VFMADD231PS  96(SI)(AX*4), Y4, Y3
	INCQ         R10
	CMPQ         R10, R9
	JLT          four
	VMOVUPS      Y0, (DI)
	VMOVUPS      Y1, 32(DI)
	VMOVUPS      Y2, 64(DI)
	VMOVUPS      Y3, 96(DI)
	ADDQ         $128, DI
	ADDQ         $128, SI
	SUBQ         $32, CX
	JMP          wide

narrow:
	TESTQ  CX, CX
	JLE    done
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	XORQ   R10, R10

two:
	MOVLQSX      (DX)(R10*4), AX
	VBROADCASTSS (R8)(R10*4), Y4
	VFMADD231PS  (SI)(AX*4), Y4, Y0
	VFMADD231PS  32(SI)(AX*4), Y4, Y1
	INCQ         R10
	CMPQ         R10, R9
	JLT          two
	VMOVUPS      Y0, (DI)
	VMOVUPS      Y1, 32(DI)
	ADDQ         $64, DI
	ADDQ         $64, SI
	SUBQ         $16, CX
	JMP          narrow

done:
	VZEROUPPER
	RET
