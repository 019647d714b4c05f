#include "firmware/ports/memory/memory_flash.h"
#include "firmware/qemu/board.h"

void* board_port(mallorn_port* port) {
  static mallorn_memory_flash flash;
  uint8_t* const regions[] = {slot_a, slot_b, meta_a, meta_b};
  for (int i = 0; i < 4; ++i) flash.region[i] = regions[i];
  flash.erase_size = flash.meta_size = 4096;
  port->read = mallorn_memory_read;
  port->erase = mallorn_memory_erase;
  port->program = mallorn_memory_program;
  port->slot_size = 320 * 1024;
  port->erase_size = port->meta_size = 4096;
  port->write_size = 4;
  return &flash;
}
