//go:build amd64 && !purego

#include "textflag.h"

// The functions of package fmath on four lanes of float64, operation by operation: what its scalar code branches on is
// computed on every way that a lane can take, and the lane picks. Each function has the shape: four values of float32 are
// widened to Y8, the result comes to Y0, is rounded once and stored; the last one to three values are read through a mask.
// Arguments beyond which a float32 result is constant are moved to that bound first, so that 2^k is one normal factor.

// Each constant stands four times, one for each lane. The names of package fmath stand beside their values.
#define FOUR(i, v) \
DATA consts<>+(i*32+0)(SB)/8, v \
DATA consts<>+(i*32+8)(SB)/8, v \
DATA consts<>+(i*32+16)(SB)/8, v \
DATA consts<>+(i*32+24)(SB)/8, v

FOUR(0, $0x8000000000000000) // the sign
FOUR(1, $0x7fffffffffffffff) // all but the sign
FOUR(2, $0x7ff8000000000001) // the NaN of math.NaN
FOUR(3, $0x7ff0000000000000) // +Inf
FOUR(4, $0xfff0000000000000) // -Inf
FOUR(5, $0x3fe0000000000000) // 1/2
FOUR(6, $0x3ff0000000000000) // 1
FOUR(7, $0x4000000000000000) // 2
FOUR(8, $0x00000000000003ff) // the bias of exponents, an integer
FOUR(9, $0x3ff71547652b82fe) // log2e
FOUR(10, $0x3fe62e4200000000) // ln2Hi
FOUR(11, $0x3e9fdf473de6af28) // ln2Lo
FOUR(12, $0x3fc5555555555555) // 1/3!
FOUR(13, $0x3fa5555555555555) // 1/4!
FOUR(14, $0x3f81111111111111) // 1/5!
FOUR(15, $0x3f56c16c16c16c17) // 1/6!
FOUR(16, $0x3f2a01a01a01a01a) // 1/7!
FOUR(17, $0x3efa01a01a01a01a) // 1/8!
FOUR(18, $0x3ec71de3a556c734) // 1/9!
FOUR(19, $0x3e927e4fb7789f5c) // 1/10!
FOUR(20, $0x3e5ae64567f544e4) // 1/11!
FOUR(21, $0x3e21eed8eff8d898) // 1/12!
FOUR(22, $0x3de6124613a86d09) // 1/13!
FOUR(23, $0xc069000000000000) // below it e^x is 0 in float32
FOUR(24, $0x4069000000000000) // above it e^x is +Inf in float32
FOUR(25, $0x40862e42fefa39ef) // expOverflow
FOUR(26, $0xc0874910d52d3053) // expUnderflow
FOUR(27, $0xc087700000000000) // beyond both bounds, where 2^k is still made of two normal factors
FOUR(28, $0x4087700000000000)
FOUR(29, $0x000fffffffffffff) // the mantissa
FOUR(30, $0x4330000000000000) // 2^52: with an integer below it as mantissa, 2^52 plus that integer
FOUR(31, $0x43300000000003ff) // 2^52 + 1023
FOUR(32, $0x3ff6a09e667f3bcd) // math.Sqrt2
FOUR(33, $0x3fe5555555555555) // 2/3
FOUR(34, $0x3fd999999999999a) // 2/5
FOUR(35, $0x3fd2492492492492) // 2/7
FOUR(36, $0x3fcc71c71c71c71c) // 2/9
FOUR(37, $0x3fc745d1745d1746) // 2/11
FOUR(38, $0x3fc3b13b13b13b14) // 2/13
FOUR(39, $0x3fc1111111111111) // 2/15
FOUR(40, $0x3fbe1e1e1e1e1e1e) // 2/17
FOUR(41, $0x3fbaf286bca1af28) // 2/19
FOUR(42, $0x3fb8618618618618) // 2/21
FOUR(43, $0x4034000000000000) // tanhOne
FOUR(44, $0x3fe8000000000000) // tanhSmall
FOUR(45, $0x41806e7908000000) // 34459425
FOUR(46, $0x416eee1100000000) // 16216200
FOUR(47, $0x412cde3200000000) // 945945
FOUR(48, $0x40cb120000000000) // 13860
FOUR(49, $0x4046800000000000) // 45
FOUR(50, $0x4165e8a160000000) // 11486475
FOUR(51, $0x4128be7400000000) // 810810
FOUR(52, $0x40c9230000000000) // 12870
FOUR(53, $0x4046000000000000) // 44
FOUR(54, $0x3feb000000000000) // 0.84375
FOUR(55, $0x3ff4000000000000) // 1.25
FOUR(56, $0x4006db6db6db6db7) // 1/0.35
FOUR(57, $0x4018000000000000) // 6
FOUR(58, $0x3e30000000000000) // 2^-28
FOUR(59, $0x3fc06eba8214db69) // efx
FOUR(60, $0x3feb0ac160000000) // erx
FOUR(61, $0xffffffff00000000) // the upper half
FOUR(62, $0xbfe2000000000000) // -0.5625
FOUR(63, $0x0000000100000000) // the upper half one word on
GLOBL consts<>(SB), RODATA|NOPTR, $2048

#define kSign consts<>+(0*32)(SB)
#define kAbs consts<>+(1*32)(SB)
#define kNan consts<>+(2*32)(SB)
#define kInf consts<>+(3*32)(SB)
#define kNinf consts<>+(4*32)(SB)
#define kHalf consts<>+(5*32)(SB)
#define kOne consts<>+(6*32)(SB)
#define kTwo consts<>+(7*32)(SB)
#define kBias consts<>+(8*32)(SB)
#define kLog2e consts<>+(9*32)(SB)
#define kLn2hi consts<>+(10*32)(SB)
#define kLn2lo consts<>+(11*32)(SB)
#define kF3 consts<>+(12*32)(SB)
#define kF4 consts<>+(13*32)(SB)
#define kF5 consts<>+(14*32)(SB)
#define kF6 consts<>+(15*32)(SB)
#define kF7 consts<>+(16*32)(SB)
#define kF8 consts<>+(17*32)(SB)
#define kF9 consts<>+(18*32)(SB)
#define kF10 consts<>+(19*32)(SB)
#define kF11 consts<>+(20*32)(SB)
#define kF12 consts<>+(21*32)(SB)
#define kF13 consts<>+(22*32)(SB)
#define kLo200 consts<>+(23*32)(SB)
#define kHi200 consts<>+(24*32)(SB)
#define kExpOver consts<>+(25*32)(SB)
#define kExpUnder consts<>+(26*32)(SB)
#define kLo750 consts<>+(27*32)(SB)
#define kHi750 consts<>+(28*32)(SB)
#define kMant consts<>+(29*32)(SB)
#define kTwo52 consts<>+(30*32)(SB)
#define kUnbias consts<>+(31*32)(SB)
#define kSqrt2 consts<>+(32*32)(SB)
#define kA3 consts<>+(33*32)(SB)
#define kA5 consts<>+(34*32)(SB)
#define kA7 consts<>+(35*32)(SB)
#define kA9 consts<>+(36*32)(SB)
#define kA11 consts<>+(37*32)(SB)
#define kA13 consts<>+(38*32)(SB)
#define kA15 consts<>+(39*32)(SB)
#define kA17 consts<>+(40*32)(SB)
#define kA19 consts<>+(41*32)(SB)
#define kA21 consts<>+(42*32)(SB)
#define kC20 consts<>+(43*32)(SB)
#define kC075 consts<>+(44*32)(SB)
#define kT34459425 consts<>+(45*32)(SB)
#define kT16216200 consts<>+(46*32)(SB)
#define kT945945 consts<>+(47*32)(SB)
#define kT13860 consts<>+(48*32)(SB)
#define kT45 consts<>+(49*32)(SB)
#define kT11486475 consts<>+(50*32)(SB)
#define kT810810 consts<>+(51*32)(SB)
#define kT12870 consts<>+(52*32)(SB)
#define kT44 consts<>+(53*32)(SB)
#define kE084 consts<>+(54*32)(SB)
#define kE125 consts<>+(55*32)(SB)
#define kE285 consts<>+(56*32)(SB)
#define kE6 consts<>+(57*32)(SB)
#define kSmall consts<>+(58*32)(SB)
#define kEfx consts<>+(59*32)(SB)
#define kErx consts<>+(60*32)(SB)
#define kEhigh consts<>+(61*32)(SB)
#define kE9 consts<>+(62*32)(SB)
#define kOdd consts<>+(63*32)(SB)

// The coefficients of the four quotients of erf, of the same power side by side: below 0.84375, below 1.25, below
// 1/0.35 and above. What a polynomial lacks is 0, which changes no sum.
#define EACH(i, a, b, c, d) \
DATA erfs<>+(i*32+0)(SB)/8, a \
DATA erfs<>+(i*32+8)(SB)/8, b \
DATA erfs<>+(i*32+16)(SB)/8, c \
DATA erfs<>+(i*32+24)(SB)/8, d

EACH(0, $0x3fc06eba8214db68, $0xbf6359b8bef77538, $0xbf843412600d6435, $0xbf84341239e86f4a) // pp0 pa0 ra0 rb0
EACH(1, $0xbfd4cd7d691cb913, $0x3fda8d00ad92b34d, $0xbfe63416e4ba7360, $0xbfe993ba70c285de) // pp1 pa1 ra1 rb1
EACH(2, $0xbf9d2a51dbd7194f, $0xbfd7d240fbb8c3f1, $0xc0251e0441b0e726, $0xc031c209555f995a) // pp2 pa2 ra2 rb2
EACH(3, $0xbf77a291236668e4, $0x3fd45fca805120e4, $0xc04f300ae4cba38d, $0xc064145d43c5ed98) // pp3 pa3 ra3 rb3
EACH(4, $0xbef8ead6120016ac, $0xbfbc63983d3e28ec, $0xc0644cb184282266, $0xc083ec881375f228) // pp4 pa4 ra4 rb4
EACH(5, $0x0000000000000000, $0x3fa22a36599795eb, $0xc067135cebccabb2, $0xc09004616a2e5992) // pp5 pa5 ra5 rb5
EACH(6, $0x0000000000000000, $0xbf61bf380a96073f, $0xc054526557e4d2f2, $0xc07e384e9bdc383f) // pp6 pa6 ra6 rb6
EACH(7, $0x0000000000000000, $0x0000000000000000, $0xc023a0efc69ac25c, $0x0000000000000000) // pp7 pa7 ra7 rb7
EACH(8, $0x3ff0000000000000, $0x3ff0000000000000, $0x3ff0000000000000, $0x3ff0000000000000) // 1
EACH(9, $0x3fd97779cddadc09, $0x3fbb3e6618eee323, $0x4033a6b9bd707687, $0x403e568b261d5190) // qq1 qa1 sa1 sb1
EACH(10, $0x3fb0a54c5536ceba, $0x3fe14af092eb6f33, $0x4061350c526ae721, $0x40745cae221b9f0a) // qq2 qa2 sa2 sb2
EACH(11, $0x3f74d022c4d36b0f, $0x3fb2635cd99fe9a7, $0x407b290dd58a1a71, $0x409802eb189d5118) // qq3 qa3 sa3 sb3
EACH(12, $0x3f215dc9221c1a10, $0x3fc02660e763351f, $0x40842b1921ec2868, $0x40a8ffb7688c246a) // qq4 qa4 sa4 sb4
EACH(13, $0xbed09c4342a26120, $0x3f8bedc26b51dd1c, $0x407ad02157700314, $0x40a3f219cedf3be6) // qq5 qa5 sa5 sb5
EACH(14, $0x0000000000000000, $0x3f888b545735151d, $0x405b28a3ee48ae2c, $0x407da874e79fe763) // qq6 qa6 sa6 sb6
EACH(15, $0x0000000000000000, $0x0000000000000000, $0x401a47ef8e484a93, $0xc03670e242712d62) // qq7 qa7 sa7 sb7
EACH(16, $0x0000000000000000, $0x0000000000000000, $0xbfaeeff2ee749a62, $0x0000000000000000) // qq8 qa8 sa8 sb8
GLOBL erfs<>(SB), RODATA|NOPTR, $544

// Four words that start i words before its middle let the first i of four lanes pass.
DATA pass<>+0(SB)/4, $0xffffffff
DATA pass<>+4(SB)/4, $0xffffffff
DATA pass<>+8(SB)/4, $0xffffffff
DATA pass<>+12(SB)/4, $0xffffffff
DATA pass<>+16(SB)/4, $0
DATA pass<>+20(SB)/4, $0
DATA pass<>+24(SB)/4, $0
DATA pass<>+28(SB)/4, $0
GLOBL pass<>(SB), RODATA|NOPTR, $32

// EXPONENT turns x in Y0 to y in Y0 and k, four integers of 32 bits, in X1: e^x = y·2^k. It uses Y1 to Y7.
#define EXPONENT \
	VMULPD      kLog2e, Y0, Y1 \
	VANDPD      kSign, Y1, Y2  \
	VORPD       kHalf, Y2, Y2  \
	VADDPD      Y2, Y1, Y1     \
	VCVTTPD2DQY Y1, X1         \
	VCVTDQ2PD   X1, Y2         \
	VMULPD      kLn2hi, Y2, Y3 \
	VSUBPD      Y3, Y0, Y0     \
	VMULPD      kLn2lo, Y2, Y2 \
	VSUBPD      Y2, Y0, Y3     \
	VSUBPD      Y3, Y0, Y0     \
	VSUBPD      Y2, Y0, Y0     \
	VMULPD      Y3, Y3, Y2     \
	VMULPD      kF13, Y3, Y4   \
	VADDPD      kF12, Y4, Y4   \
	VMULPD      Y2, Y4, Y4     \
	VMULPD      kF11, Y3, Y5   \
	VADDPD      kF10, Y5, Y5   \
	VADDPD      Y4, Y5, Y4     \
	VMULPD      Y2, Y2, Y6     \
	VMULPD      Y6, Y4, Y4     \
	VMULPD      kF9, Y3, Y5    \
	VADDPD      kF8, Y5, Y5    \
	VMULPD      Y2, Y5, Y5     \
	VMULPD      kF7, Y3, Y7    \
	VADDPD      kF6, Y7, Y7    \
	VADDPD      Y5, Y7, Y5     \
	VADDPD      Y4, Y5, Y4     \
	VMULPD      Y6, Y4, Y4     \
	VMULPD      kF5, Y3, Y5    \
	VADDPD      kF4, Y5, Y5    \
	VMULPD      Y2, Y5, Y5     \
	VMULPD      kF3, Y3, Y7    \
	VADDPD      kHalf, Y7, Y7  \
	VADDPD      Y5, Y7, Y5     \
	VADDPD      Y4, Y5, Y4     \
	VMULPD      Y2, Y4, Y4     \
	VADDPD      Y4, Y0, Y0     \
	VADDPD      Y0, Y3, Y0     \
	VADDPD      kOne, Y0, Y0

// SCALE multiplies Y0 by 2^k for the k in the four integers of 32 bits of KX, the lower half of KY: a normal number.
#define SCALE(KX, KY) \
	VPMOVSXDQ KX, KY        \
	VPADDQ    kBias, KY, KY \
	VPSLLQ    $52, KY, KY   \
	VMULPD    KY, Y0, Y0

// ONENAN makes the lanes of Y0 whose Y8 is NaN the one NaN.
#define ONENAN \
	VCMPPD    $3, Y8, Y8, Y1   \
	VBLENDVPD Y1, kNan, Y0, Y0

// HEAD widens the next values at SI, of which CX are left, to Y8.
#define HEAD \
loop:                         \
	CMPQ       CX, $4           \
	JLT        part             \
	VCVTPS2PD  (SI), Y8         \
	JMP        have             \
part:                         \
	LEAQ       pass<>+16(SB), AX \
	SHLQ       $2, CX           \
	SUBQ       CX, AX           \
	SHRQ       $2, CX           \
	VMOVUPS    (AX), X13        \
	VMASKMOVPS (SI), X13, X8    \
	VCVTPS2PD  X8, Y8           \
have:

// FOOT rounds Y0, stores it at DI and goes on. Stores through a mask are slow, and slower to read back.
#define FOOT \
	VCVTPD2PSY Y0, X0           \
	CMPQ       CX, $4           \
	JLT        last             \
	VMOVUPS    X0, (DI)         \
	ADDQ       $16, SI          \
	ADDQ       $16, DI          \
	SUBQ       $4, CX           \
	JNE        loop             \
	VZEROUPPER                  \
	RET                         \
last:                         \
	CMPQ       CX, $2           \
	JLT        one              \
	VMOVSD     X0, (DI)         \
	JEQ        end              \
	VEXTRACTPS $2, X0, 8(DI)    \
	JMP        end              \
one:                          \
	VMOVSS     X0, (DI)         \
end:                          \
	VZEROUPPER                  \
	RET

// func expAll(dst, x *float32, n int)
TEXT ·expAll(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	HEAD
	VMAXPD kLo200, Y8, Y0
	VMINPD kHi200, Y0, Y0
	EXPONENT
	SCALE(X1, Y1)
	ONENAN
	FOOT

// func sigmoidAll(dst, x *float32, n int)
//
// With e = e^-|x| it is 1/(1+e), and e/(1+e) where the sign of x is set.
TEXT ·sigmoidAll(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	HEAD
	VORPD     kSign, Y8, Y0
	VMAXPD    kLo200, Y0, Y0
	EXPONENT
	SCALE(X1, Y1)
	VMOVUPD   kOne, Y2
	VADDPD    Y2, Y0, Y1
	VBLENDVPD Y8, Y0, Y2, Y2
	VDIVPD    Y1, Y2, Y0
	ONENAN
	FOOT

// func tanhAll(dst, x *float32, n int)
//
// Both ways end in one quotient each, and share the division: of 2 by e^2a + 1, or of the difference of the polynomials
// by the lower one. It is taken of a = |x|, at most 20 where the result is 1, and given the sign of x; where a is tiny
// the rational form is a itself.
TEXT ·tanhAll(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	HEAD
	VANDPD kAbs, Y8, Y10
	VMINPD kC20, Y10, Y10
	VADDPD Y10, Y10, Y0
	EXPONENT
	SCALE(X1, Y1)
	VADDPD kOne, Y0, Y0
	VMULPD Y10, Y10, Y1

	VMULPD kT45, Y1, Y2
	VADDPD kT13860, Y2, Y2
	VMULPD Y1, Y2, Y2
	VADDPD kT945945, Y2, Y2
	VMULPD Y1, Y2, Y2
	VADDPD kT16216200, Y2, Y2
	VMULPD Y1, Y2, Y2
	VADDPD kT34459425, Y2, Y2

	VMULPD kT44, Y1, Y3
	VADDPD kT12870, Y3, Y3
	VMULPD Y1, Y3, Y3
	VADDPD kT810810, Y3, Y3
	VMULPD Y1, Y3, Y3
	VADDPD kT11486475, Y3, Y3
	VMULPD Y1, Y3, Y3

	VCMPPD    $0x1e, kC075, Y10, Y4 // greater, ordered, quiet
	VBLENDVPD Y4, kTwo, Y3, Y3
	VBLENDVPD Y4, Y0, Y2, Y2
	VDIVPD    Y2, Y3, Y3
	VMOVUPD   kOne, Y0
	VSUBPD    Y3, Y0, Y0
	VMULPD    Y3, Y10, Y2
	VSUBPD    Y2, Y10, Y2
	VBLENDVPD Y4, Y0, Y2, Y0
	VANDPD    kSign, Y8, Y1
	VORPD     Y1, Y0, Y0
	ONENAN
	FOOT

// func logAll(dst, x *float32, n int)
//
// A float32 is never subnormal as float64. With k = 0 the general form is the short one, negated twice.
TEXT ·logAll(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	HEAD

	// k in Y0, f in Y1
	VPSRLQ    $52, Y8, Y0
	VPOR      kTwo52, Y0, Y0
	VSUBPD    kUnbias, Y0, Y0
	VANDPD    kMant, Y8, Y1
	VORPD     kOne, Y1, Y1
	VCMPPD    $0x1e, kSqrt2, Y1, Y2
	VMULPD    kHalf, Y1, Y3
	VBLENDVPD Y2, Y3, Y1, Y1
	VANDPD    kOne, Y2, Y2
	VADDPD    Y2, Y0, Y0
	VSUBPD    kOne, Y1, Y1

	// s in Y2, h in Y3, z, z2 and z4 in Y4 to Y6, tail in Y7
	VADDPD kTwo, Y1, Y2
	VDIVPD Y2, Y1, Y2
	VMULPD Y1, Y1, Y3
	VMULPD kHalf, Y3, Y3
	VMULPD Y2, Y2, Y4
	VMULPD Y4, Y4, Y5
	VMULPD Y5, Y5, Y6
	VMULPD kA21, Y4, Y7
	VADDPD kA19, Y7, Y7
	VMULPD Y6, Y7, Y7
	VMULPD kA17, Y4, Y9
	VADDPD kA15, Y9, Y9
	VMULPD Y5, Y9, Y9
	VMULPD kA13, Y4, Y10
	VADDPD kA11, Y10, Y10
	VADDPD Y9, Y10, Y9
	VADDPD Y7, Y9, Y7
	VMULPD Y6, Y7, Y7
	VMULPD kA9, Y4, Y9
	VADDPD kA7, Y9, Y9
	VMULPD Y5, Y9, Y9
	VMULPD kA5, Y4, Y10
	VADDPD kA3, Y10, Y10
	VADDPD Y9, Y10, Y9
	VADDPD Y7, Y9, Y7
	VMULPD Y4, Y7, Y7

	VADDPD Y7, Y3, Y7
	VMULPD Y2, Y7, Y7
	VMULPD kLn2lo, Y0, Y9
	VADDPD Y9, Y7, Y7
	VMULPD kLn2hi, Y0, Y0
	VSUBPD Y7, Y3, Y3
	VSUBPD Y1, Y3, Y3
	VSUBPD Y3, Y0, Y0

	VXORPD    Y1, Y1, Y1
	VCMPPD    $0, Y1, Y8, Y2       // equal
	VBLENDVPD Y2, kNinf, Y0, Y0
	VCMPPD    $0, kInf, Y8, Y2
	VBLENDVPD Y2, Y8, Y0, Y0
	VCMPPD    $0x19, Y1, Y8, Y2    // not greater or equal, quiet: below 0, or NaN
	VBLENDVPD Y2, kNan, Y0, Y0
	FOOT

// A further coefficient of the polynomials in Y6 that each lane has by the number of its quotient, in Y3.
#define HORNER(i, acc) \
	VMULPD  Y6, acc, acc          \
	VPERMPS erfs<>+(i*32)(SB), Y3, Y1 \
	VADDPD  Y1, acc, acc

// func erfAll(dst, x *float32, n int)
//
// It is taken of a = |x|, at most 6 where the result is 1, and given the sign of x. The four ranges differ in the
// argument and in the coefficients of one quotient. The exponentials of the two upper ranges, and the division that
// makes their argument, are left out where no lane is in them.
TEXT ·erfAll(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	HEAD
	VANDPD    kAbs, Y8, Y10
	VMINPD    kE6, Y10, Y10
	VCMPPD    $0x1d, kE084, Y10, Y2  // greater or equal, ordered, quiet
	VCMPPD    $0x1d, kE125, Y10, Y11
	VCMPPD    $0x1d, kE285, Y10, Y4
	VMOVMSKPD Y11, AX
	VMULPD    Y10, Y10, Y5
	VSUBPD    kOne, Y10, Y6
	VBLENDVPD Y2, Y6, Y5, Y6
	TESTL     AX, AX
	JEQ       quotient
	VMOVUPD   kOne, Y7
	VDIVPD    Y5, Y7, Y7
	VBLENDVPD Y11, Y7, Y6, Y6

quotient:
	// A mask is -1 as an integer: minus their sum is the number of the quotient, twice it and one more its two words.
	VPADDQ Y11, Y2, Y3
	VPADDQ Y4, Y3, Y3
	VPADDQ Y3, Y3, Y3
	VPXOR  Y9, Y9, Y9
	VPSUBQ Y3, Y9, Y3
	VPSLLQ $32, Y3, Y4
	VPOR   Y4, Y3, Y3
	VPADDQ kOdd, Y3, Y3

	VPERMPS erfs<>+(7*32)(SB), Y3, Y0
	HORNER(6, Y0)
	HORNER(5, Y0)
	HORNER(4, Y0)
	HORNER(3, Y0)
	HORNER(2, Y0)
	HORNER(1, Y0)
	HORNER(0, Y0)
	VPERMPS erfs<>+(16*32)(SB), Y3, Y4
	HORNER(15, Y4)
	HORNER(14, Y4)
	HORNER(13, Y4)
	HORNER(12, Y4)
	HORNER(11, Y4)
	HORNER(10, Y4)
	HORNER(9, Y4)
	HORNER(8, Y4)
	VDIVPD Y4, Y0, Y0

	VCMPPD    $0x11, kSmall, Y10, Y1 // less, ordered, quiet
	VBLENDVPD Y1, kEfx, Y0, Y1
	VMULPD    Y10, Y1, Y1
	VADDPD    Y10, Y1, Y1
	VADDPD    kErx, Y0, Y4
	VBLENDVPD Y2, Y4, Y1, Y12
	TESTL     AX, AX
	JEQ       done

	VANDPD  kEhigh, Y10, Y1
	VSUBPD  Y10, Y1, Y2
	VADDPD  Y10, Y1, Y4
	VMULPD  Y4, Y2, Y2
	VADDPD  Y0, Y2, Y14
	VMULPD  Y1, Y1, Y1
	VMOVUPD kE9, Y0
	VSUBPD  Y1, Y0, Y0
	EXPONENT
	SCALE(X1, Y1)
	VMOVUPD Y0, Y9
	VMOVUPD Y14, Y0
	EXPONENT
	SCALE(X1, Y1)
	VMULPD    Y9, Y0, Y0
	VDIVPD    Y10, Y0, Y0
	VMOVUPD   kOne, Y1
	VSUBPD    Y0, Y1, Y0
	VBLENDVPD Y11, Y0, Y12, Y12

done:
	VANDPD kSign, Y8, Y0
	VORPD  Y0, Y12, Y0
	ONENAN
	FOOT

// func expLess(e *float64, x *float32, m, s float64, n int) float64
//
// The whole range of float64: two factors whose product is 2^k, the first of which is exact. The exponentials are added
// to s one after another, which costs next to nothing beside the next four; lanes beyond the last value add 0.
TEXT ·expLess(SB), NOSPLIT, $0-48
	MOVQ         e+0(FP), DI
	MOVQ         x+8(FP), SI
	VBROADCASTSD m+16(FP), Y12
	VMOVSD       s+24(FP), X11
	MOVQ         n+32(FP), CX
	HEAD
	VSUBPD       Y12, Y8, Y8
	VMAXPD       kLo750, Y8, Y0
	VMINPD       kHi750, Y0, Y0
	EXPONENT
	VPSRAD       $1, X1, X2
	VPSUBD       X2, X1, X1
	SCALE(X1, Y1)
	SCALE(X2, Y2)
	VCMPPD       $0x1e, kExpOver, Y8, Y2
	VBLENDVPD    Y2, kInf, Y0, Y0
	VCMPPD       $0x12, kExpUnder, Y8, Y2 // less or equal, ordered, quiet
	VANDNPD      Y0, Y2, Y0
	ONENAN
	CMPQ         CX, $4
	JLT          last
	VMOVUPD      Y0, (DI)
	ADDQ         $16, SI
	ADDQ         $32, DI

sum:
	VADDSD       X0, X11, X11
	VPERMILPD    $1, X0, X1
	VADDSD       X1, X11, X11
	VEXTRACTF128 $1, Y0, X0
	VADDSD       X0, X11, X11
	VPERMILPD    $1, X0, X1
	VADDSD       X1, X11, X11
	SUBQ         $4, CX
	JGT          loop
	VMOVSD       X11, ret+40(FP)
	VZEROUPPER
	RET

last:
	VPMOVSXDQ X13, Y13
	VANDPD    Y13, Y0, Y0
	CMPQ      CX, $2
	JLT       one
	VMOVUPD   X0, (DI)
	JEQ       sum

	VEXTRACTF128 $1, Y0, X1
	VMOVSD       X1, 16(DI)
	JMP          sum

one:
	VMOVSD X0, (DI)
	JMP    sum

// func top8(x *float32, first float32, n int) float32
//
// n is a multiple of 8 and not 0. The maximum instruction gives its second source, what was greatest before, when an
// operand is NaN or both are zero, as the scalar loop does.
TEXT ·top8(SB), NOSPLIT, $0-28
	MOVQ         x+0(FP), SI
	VBROADCASTSS first+8(FP), Y0
	MOVQ         n+16(FP), CX
	XORQ         AX, AX

loop:
	VMOVUPS      (SI)(AX*4), Y1
	VMAXPS       Y0, Y1, Y0
	ADDQ         $8, AX
	CMPQ         AX, CX
	JLT          loop
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X0, X1, X0
	VPERMILPS    $0x0e, X0, X1
	VMAXPS       X0, X1, X0
	VPERMILPS    $0x01, X0, X1
	VMAXPS       X0, X1, X0
	VMOVSS       X0, ret+24(FP)
	VZEROUPPER
	RET

// func lessBoth(dst, x *float32, m, s float64, n int)
TEXT ·lessBoth(SB), NOSPLIT, $0-40
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	VBROADCASTSD m+16(FP), Y1
	VBROADCASTSD s+24(FP), Y2
	MOVQ         n+32(FP), CX
	HEAD
	VSUBPD Y1, Y8, Y0
	VSUBPD Y2, Y0, Y0
	FOOT

// func quotients(dst *float32, e *float64, d float64, n int)
TEXT ·quotients(SB), NOSPLIT, $0-32
	MOVQ         dst+0(FP), DI
	MOVQ         e+8(FP), SI
	VBROADCASTSD d+16(FP), Y1
	MOVQ         n+24(FP), CX

loop:
	CMPQ    CX, $4
	JLT     part
	VMOVUPD (SI), Y0
	JMP     have

part:
	LEAQ       pass<>+16(SB), AX
	SHLQ       $2, CX
	SUBQ       CX, AX
	SHRQ       $2, CX
	VPMOVSXDQ  (AX), Y13
	VMASKMOVPD (SI), Y13, Y0

have:
	VDIVPD Y1, Y0, Y0
	ADDQ   $16, SI
	FOOT

// func sqrt8(dst, x *float32, n int)
//
// n is a multiple of 8 and not 0.
TEXT ·sqrt8(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	XORQ AX, AX

loop:
	VSQRTPS (SI)(AX*4), Y0
	VMOVUPS Y0, (DI)(AX*4)
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET
