/* What the safety rules of the opendbc package need around them to be asked from a test: a clock that the test sets,
 * frames by their numbers, and a beat once a second. The rules themselves are in the package's headers. */

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "opendbc/safety/can.h"

static uint32_t clock_us = 0;
uint32_t microsecond_timer_get(void);
uint32_t microsecond_timer_get(void) { return clock_us; }

#include "opendbc/safety/safety.h"

int oracle_begin(uint16_t mode, uint16_t param);
void oracle_time(uint32_t us);
bool oracle_rx(unsigned bus, unsigned id, const uint8_t *data, unsigned size);
bool oracle_tx(unsigned bus, unsigned id, const uint8_t *data, unsigned size);
bool oracle_blocks(unsigned bus, unsigned id);
void oracle_beat(void);
bool oracle_allows_controls(void);
void oracle_allow_controls(bool allowed);
bool oracle_sees_stock(void);

/* A frame of at most 8 bytes: their number is its code of length. */
static bool to_packet(CANPacket_t *packet, unsigned bus, unsigned id, const uint8_t *data, unsigned size) {
  if (size > 8U || bus > 7U) {
    return false;
  }
  memset(packet, 0, sizeof(*packet));
  packet->bus = (unsigned char)(bus & 7U);
  packet->addr = id & 0x1FFFFFFFU;
  packet->extended = id > 0x7FFU;
  packet->data_len_code = (unsigned char)(size & 15U);
  memcpy(packet->data, data, size);
  return true;
}

int oracle_begin(uint16_t mode, uint16_t param) {
  clock_us = 0;
  return set_safety_hooks(mode, param);
}

void oracle_time(uint32_t us) { clock_us = us; }

bool oracle_rx(unsigned bus, unsigned id, const uint8_t *data, unsigned size) {
  CANPacket_t packet;
  return to_packet(&packet, bus, id, data, size) && safety_rx_hook(&packet);
}

bool oracle_tx(unsigned bus, unsigned id, const uint8_t *data, unsigned size) {
  CANPacket_t packet;
  return to_packet(&packet, bus, id, data, size) && safety_tx_hook(&packet);
}

/* Whether a frame of a bus is kept from the other side of the harness. */
bool oracle_blocks(unsigned bus, unsigned id) { return safety_fwd_hook((int)bus, (int)id) < 0; }

void oracle_beat(void) {
  safety_mode_cnt += 1U;
  safety_tick(&current_safety_config);
}

bool oracle_allows_controls(void) { return controls_allowed; }
void oracle_allow_controls(bool allowed) { controls_allowed = allowed; }
bool oracle_sees_stock(void) { return relay_malfunction; }
