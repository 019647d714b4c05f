// The files of the demonstration. The base lies in slot A, as the factory has left it.
  .section .slot_a, "a"
  .global slot_a, base_begin, base_end
slot_a:
base_begin:
  .incbin "base.bin"
base_end:

  .section .rodata.files, "a"
  .global patch_begin, patch_end, key_begin
  .balign 4
patch_begin:
  .incbin "patch.bin"
patch_end:
  .balign 4
key_begin:
  .incbin "key.bin"
