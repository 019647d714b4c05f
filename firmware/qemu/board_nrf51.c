#include "firmware/qemu/board.h"

void* board_port(mallorn_port* port) { return nvmc_port(port, 1024); }
