#include "firmware/ports/nrf5x_nvmc/nrf5x_nvmc.h"
#include "firmware/qemu/board.h"

void* nvmc_port(mallorn_port* port, uint32_t page_size) {
  static mallorn_nvmc flash;
  uint8_t* const regions[] = {slot_a, slot_b, meta_a, meta_b};
  for (int i = 0; i < 4; ++i) flash.region[i] = (uint32_t)(uintptr_t)regions[i];
  port->read = mallorn_nvmc_read;
  port->erase = mallorn_nvmc_erase;
  port->program = mallorn_nvmc_program;
  port->slot_size = 320 * 1024;
  port->erase_size = port->meta_size = page_size;
  port->write_size = 4;
  return &flash;
}
