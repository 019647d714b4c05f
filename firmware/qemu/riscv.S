  .section .vectors, "ax"
  .global reset
reset:
  la sp, stack_top
  la t0, fault
  .option push
  .option arch, +zicsr
  csrw mtvec, t0
  .option pop
  call start
  .balign 4
fault:
  li a0, 99
  call board_exit

  .text
  // The three instructions must lie in one page, uncompressed.
  .balign 16
  .option push
  .option norvc
  .global semihost
semihost:
  slli x0, x0, 0x1f
  ebreak
  srai x0, x0, 7
  ret
  .option pop

  .global board_stack_pointer
board_stack_pointer:
  mv a0, sp
  ret
