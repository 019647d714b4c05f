#include "firmware/ports/zephyr_flash/mallorn_zephyr.h"

static const struct flash_area* area_of(void* context, uint8_t region) {
  const mallorn_zephyr* areas = (const mallorn_zephyr*)context;
  return region < MALLORN_META_A ? areas->slot[region] : areas->meta;
}

static uint32_t place_of(void* context, uint8_t region, uint32_t offset) {
  return region == MALLORN_META_B ? ((const mallorn_zephyr*)context)->erase_size + offset
                                  : offset;
}

static int zephyr_read(void* context, uint8_t region, uint32_t offset, void* to,
                       uint32_t length) {
  return flash_area_read(area_of(context, region), (off_t)place_of(context, region, offset),
                         to, length) == 0
             ? 0
             : -1;
}

static int zephyr_erase(void* context, uint8_t region, uint32_t offset) {
  return flash_area_erase(area_of(context, region), (off_t)place_of(context, region, offset),
                          ((const mallorn_zephyr*)context)->erase_size) == 0
             ? 0
             : -1;
}

static int zephyr_program(void* context, uint8_t region, uint32_t offset, const void* from,
                          uint32_t length) {
  return flash_area_write(area_of(context, region), (off_t)place_of(context, region, offset),
                          from, length) == 0
             ? 0
             : -1;
}

int mallorn_zephyr_open(mallorn_zephyr* areas, uint8_t slot_a, uint8_t slot_b, uint8_t meta,
                        uint32_t erase_size) {
  areas->erase_size = erase_size;
  if (flash_area_open(slot_a, &areas->slot[0]) != 0 ||
      flash_area_open(slot_b, &areas->slot[1]) != 0 ||
      flash_area_open(meta, &areas->meta) != 0) {
    return -1;
  }
  return areas->slot[0]->fa_size == areas->slot[1]->fa_size &&
                 areas->meta->fa_size >= 2 * erase_size
             ? 0
             : -1;
}

void mallorn_zephyr_port(const mallorn_zephyr* areas, mallorn_port* port) {
  port->read = zephyr_read;
  port->erase = zephyr_erase;
  port->program = zephyr_program;
  port->slot_size = (uint32_t)areas->slot[0]->fa_size;
  port->erase_size = areas->erase_size;
  port->meta_size = areas->erase_size;
  port->write_size = (uint32_t)flash_area_align(areas->slot[0]);
}
