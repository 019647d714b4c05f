#include "firmware/ports/esp_partition/mallorn_esp.h"

enum { SECTOR = 4096, PLAIN_WORD = 4, ENCRYPTED_WORD = 16 };

static const esp_partition_t* find(const char* label) {
  return esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, label);
}

int mallorn_esp_find(mallorn_esp* esp, const char* slot_a, const char* slot_b,
                     const char* meta) {
  esp->slot[0] = find(slot_a);
  esp->slot[1] = find(slot_b);
  esp->meta = find(meta);
  if (esp->slot[0] == NULL || esp->slot[1] == NULL || esp->meta == NULL) return -1;
  return esp->slot[0]->size == esp->slot[1]->size && esp->meta->size >= 2 * SECTOR ? 0 : -1;
}

static const esp_partition_t* partition_of(void* context, uint8_t region) {
  const mallorn_esp* esp = (const mallorn_esp*)context;
  return region < MALLORN_META_A ? esp->slot[region] : esp->meta;
}

static uint32_t place_of(uint8_t region, uint32_t offset) {
  return region == MALLORN_META_B ? SECTOR + offset : offset;
}

static int esp_read(void* context, uint8_t region, uint32_t offset, void* to,
                    uint32_t length) {
  return esp_partition_read(partition_of(context, region), place_of(region, offset), to,
                            length) == ESP_OK
             ? 0
             : -1;
}

static int esp_erase(void* context, uint8_t region, uint32_t offset) {
  return esp_partition_erase_range(partition_of(context, region), place_of(region, offset),
                                   SECTOR) == ESP_OK
             ? 0
             : -1;
}

static int esp_program(void* context, uint8_t region, uint32_t offset, const void* from,
                       uint32_t length) {
  return esp_partition_write(partition_of(context, region), place_of(region, offset), from,
                             length) == ESP_OK
             ? 0
             : -1;
}

void mallorn_esp_port(const mallorn_esp* esp, mallorn_port* port) {
  const bool is_encrypted =
      esp->slot[0]->encrypted || esp->slot[1]->encrypted || esp->meta->encrypted;
  port->read = esp_read;
  port->erase = esp_erase;
  port->program = esp_program;
  port->slot_size = esp->slot[0]->size & ~(uint32_t)(SECTOR - 1);
  port->erase_size = SECTOR;
  port->meta_size = SECTOR;
  port->write_size = is_encrypted ? ENCRYPTED_WORD : PLAIN_WORD;
}
