  .syntax unified
  .thumb
  .section .vectors, "a"
  .word stack_top
  .word reset + 1
  .word fault + 1
  .word fault + 1
  .word memory_trap + 1
  .rept 11
  .word fault + 1
  .endr

  .text
  .thumb_func
  .global reset
reset:
  bl start
  .thumb_func
fault:
// Where a board does not have its own.
  .weak memory_trap
  .thumb_set memory_trap, fault
  movs r0, #99
  bl board_exit

// As after a reset. (At a real one the emulator loads the base into its slot once more.)
  .thumb_func
  .global board_reset
board_reset:
  ldr r0, =stack_top
  mov sp, r0
  b reset

  .thumb_func
  .global semihost
semihost:
  bkpt 0xAB
  bx lr

  .thumb_func
  .global board_stack_pointer
board_stack_pointer:
  mov r0, sp
  bx lr
