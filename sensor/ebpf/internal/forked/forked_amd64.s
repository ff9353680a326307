#include "textflag.h"

#define SYS_CLONE3 435
#define SYS_EXIT_GROUP 231

#define LEAVE \
	MOVQ	$SYS_EXIT_GROUP, AX; \
	XORL	DI, DI; \
	SYSCALL; \
	INT	$3

#define LOAD \
	MOVQ	nr+0(FP), AX; \
	MOVQ	a1+8(FP), DI; \
	MOVQ	a2+16(FP), SI; \
	MOVQ	a3+24(FP), DX; \
	MOVQ	a4+32(FP), R10; \
	MOVQ	a5+40(FP), R8; \
	MOVQ	a6+48(FP), R9

#define CLONE \
	MOVQ	$SYS_CLONE3, AX; \
	LEAQ	·plain(SB), DI; \
	MOVQ	$64, SI; \
	SYSCALL

// The child must leave the stack alone, which after vfork is the parent's.

// func Exit(nr, a1, a2, a3, a4, a5, a6 uintptr) int
TEXT ·Exit(SB), NOSPLIT, $0-64
	LOAD
	SYSCALL
	TESTQ	AX, AX
	JNE	parent
	LEAVE
parent:
	MOVQ	AX, ret+56(FP)
	RET

// func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) int
TEXT ·Call(SB), NOSPLIT, $0-64
	CLONE
	TESTQ	AX, AX
	JNE	parent
	LOAD
	SYSCALL
	LEAVE
parent:
	MOVQ	AX, ret+56(FP)
	RET

// func Call32(nr, a1, a2, a3, a4, a5, a6 uintptr) int
TEXT ·Call32(SB), NOSPLIT, $16-64
	MOVQ	BP, saved-8(SP)
	CLONE
	TESTQ	AX, AX
	JNE	parent
	MOVQ	nr+0(FP), AX
	MOVQ	a1+8(FP), BX
	MOVQ	a2+16(FP), CX
	MOVQ	a3+24(FP), DX
	MOVQ	a4+32(FP), SI
	MOVQ	a5+40(FP), DI
	MOVQ	a6+48(FP), R8
	// MOVQ R8, BP: in bytes, since vet does not know that this child never
	// returns, and so needs no frame pointer any more.
	BYTE	$0x4c; BYTE $0x89; BYTE $0xc5
	BYTE	$0xcd; BYTE $0x80	// int 0x80
	LEAVE
parent:
	MOVQ	AX, ret+56(FP)
	RET
