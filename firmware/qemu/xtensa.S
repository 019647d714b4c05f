  // The literals of instructions lie before them.
  .section .vectors, "ax"
  .global reset
reset:
  j begin
  .balign 4
  .literal_position
begin:
  movi a1, stack_top
  call0 start

  .text
  // The simulator's own calls, for those of semihosting that runtime.c makes: 4, text; 32, block.
  .literal_position
  .align 4
  .global semihost
semihost:
  movi a4, 4
  bne a2, a4, 2f
  mov a4, a3
  mov a5, a3
1:
  l8ui a6, a5, 0
  addi a5, a5, 1
  bnez a6, 1b
  sub a5, a5, a4
  addi a5, a5, -1
  movi a3, 2
  movi a2, 4
  simcall
  ret
2:
  l32i a3, a3, 4
  movi a2, 1
  simcall
  ret

  .align 4
  .global board_stack_pointer
board_stack_pointer:
  mov a2, a1
  ret
