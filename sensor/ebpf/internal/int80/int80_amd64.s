#include "textflag.h"

// func Call(nr, a1, a2, a3, a4, a5, a6 uint32) int32
TEXT ·Call(SB), NOSPLIT, $16-36
	MOVQ	BP, saved-8(SP)
	MOVL	nr+0(FP), AX
	MOVL	a1+4(FP), BX
	MOVL	a2+8(FP), CX
	MOVL	a3+12(FP), DX
	MOVL	a4+16(FP), SI
	MOVL	a5+20(FP), DI
	MOVL	a6+24(FP), R8
	MOVL	R8, BP
	BYTE	$0xcd; BYTE $0x80	// int 0x80
	MOVQ	saved-8(SP), BP
	MOVL	AX, ret+32(FP)
	RET
