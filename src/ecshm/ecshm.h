/* The table of endpoints that a gateway shares with its data plane: layout of the file `ec-shm` in the runtime
 * directory.
 *
 * One process writes, any number map the file read-only. All words that change after the file has been published are
 * read and written as relaxed atomics of their natural size, in the machine's byte order.
 *
 * Slot: a seqlock. Read `seq` (acquire); odd: the writer is at it, try again. Read the payload, then an acquire fence,
 * then `seq` again: if it changed, try again. After ECSHM_READ_ATTEMPTS deny: a writer that died in the middle of a
 * slot leaves it odd for ever.
 *
 * Lookup: buckets[hash & bucket_mask], the hash being the first 8 bytes of the leaf's SHA-256 (little-endian), then
 * linear probing until ECSHM_BUCKET_EMPTY. A bucket holds slot number + ECSHM_BUCKET_FIRST in its low
 * ECSHM_BUCKET_NUMBER_BITS and above them as many of the highest bits of the SHA-256's second 8 bytes: of buckets whose bits
 * differ the slots, which are far away in memory, need not be looked at. The leaf in the slot must be compared, whole.
 *
 * Lease: past `lease_until` or past the connector's `connector_until` (CLOCK_BOOTTIME, nanoseconds) nothing that is
 * said here grants any more.
 *
 * Changes: `change_head` counts all changes ever; the last ones stand in ring[n & ring_mask], as a slot number or
 * ECSHM_CHANGE_ALL. A reader that is ring_mask or more behind has missed some and must look at everything.
 *
 * Generations: a file is never truncated or shrunk. A new one (after a restart, or when the table has to grow) is put
 * under the same name by rename, then `retired` of the old one is set. Slot numbers differ between generations. */
#ifndef POSTERN_ECSHM_H
#define POSTERN_ECSHM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ECSHM_MAGIC 0x314d485343455350ULL /* "PSECSHM1" */
#define ECSHM_VERSION 3u
#define ECSHM_TAG_WORDS 8u
#define ECSHM_CONNECTORS 8u /* Numbers 1..7 are used. */
#define ECSHM_READ_ATTEMPTS 1000
#define ECSHM_BUCKET_EMPTY 0u
#define ECSHM_BUCKET_REMOVED 1u
#define ECSHM_BUCKET_FIRST 2u
#define ECSHM_BUCKET_NUMBER_BITS 28u
#define ECSHM_CHANGE_ALL 0xffffffffu

#define ECSHM_FILE "ec-shm"
#define ECSHM_POLICY_FILE "policies"
#define ECSHM_SOCKET "module.sock"

enum {
  ECSHM_USED = 1,
  ECSHM_ONLINE = 2,
  ECSHM_REGISTERED = 4,
  ECSHM_QUARANTINED = 8,
  ECSHM_BLOCKED = 16
};

typedef struct {
  uint32_t seq;
  uint32_t flags;
  uint64_t leaf[4];      /* SHA-256 of the leaf certificate's DER, in memory order. */
  int64_t not_after_ms;  /* Unix time. */
  uint32_t connector;
  uint32_t reserved;
  uint64_t tags[ECSHM_TAG_WORDS];     /* Has. */
  uint64_t unknown[ECSHM_TAG_WORDS];  /* Can't be told. */
  uint64_t padding;      /* To whole cache lines. */
} ecshm_slot;

typedef struct {
  /* Fixed once the file is published. */
  uint64_t magic;
  uint32_t version;
  uint32_t layout;         /* ECSHM_LAYOUT of whoever made the file. */
  uint64_t file_size;
  uint64_t generation;     /* Never the same twice on one machine between boots. */
  uint32_t slot_count;
  uint32_t bucket_mask;    /* Number of buckets - 1, a power of two - 1. */
  uint32_t ring_mask;      /* Entries of the ring - 1. */
  uint32_t reserved;
  uint64_t slots_offset;
  uint64_t buckets_offset; /* uint32_t each. */
  uint64_t ring_offset;    /* uint32_t each. */
  uint64_t fixed_padding[7];
  /* Changing. */
  uint64_t lease_until;
  uint64_t connector_until[ECSHM_CONNECTORS];
  uint64_t policy_version; /* Stamp of the policies that go with this table: the last 8 bytes of the file `policies`, whose
                              tags have this table's bits. 0: none yet, so nobody is let in. */
  uint32_t retired;
  uint32_t changing_reserved;
  uint64_t changing_padding[5];
  uint64_t change_head;
  uint64_t head_padding[7];
} ecshm_header;

/* Mixes sizes and constants: two builds that disagree about them refuse one another's files. */
#define ECSHM_LAYOUT                                                                                 \
  ((uint32_t)(sizeof(ecshm_slot) * 2654435761u ^ sizeof(ecshm_header) * 40503u ^ ECSHM_TAG_WORDS * 97u ^ \
              ECSHM_CONNECTORS * 31u))

#ifdef __cplusplus
}
static_assert(sizeof(ecshm_slot) == 192, "three cache lines");
static_assert(sizeof(ecshm_header) % 64 == 0, "whole cache lines");
#endif

#endif
