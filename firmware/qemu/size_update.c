/* Names all of the API that an application with updates uses, to see how large it is. */
#include "firmware/include/mallorn.h"

extern const mallorn_port size_port;
extern const mallorn_policy size_policy;
int mallorn_size(void* work, mallorn_boot_info* info);

int mallorn_size(void* work, mallorn_boot_info* info) {
  const mallorn_port* const port = &size_port;
  mallorn_update* m;
  uint32_t done;
  uint32_t total;
  int status = mallorn_boot(port, 0, work, MALLORN_WORK_SIZE, info);
  status |= mallorn_init(&m, work, MALLORN_WORK_SIZE, port, 0, &size_policy);
  status |= mallorn_step(m);
  status |= mallorn_verify(m);
  status |= mallorn_abort(m);
  mallorn_progress(m, &done, &total);
  status |= mallorn_confirm(port, 0, work, MALLORN_WORK_SIZE);
  status |= mallorn_reject(port, 0, work, MALLORN_WORK_SIZE);
  return status;
}
