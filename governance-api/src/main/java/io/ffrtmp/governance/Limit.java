package io.ffrtmp.governance;

/** The limits that can be asked for. No other attribute of a cgroup is ever written. */
public enum Limit {
  /** CPU time in a period; see {@link CpuMax}. */
  CPU_MAX("cpu.max"),
  /** A share of CPU time under contention, 1 to 10,000, where 100 is usual. */
  CPU_WEIGHT("cpu.weight"),
  /** Memory in bytes; above it the kernel reclaims, and then kills within the group. */
  MEMORY_MAX("memory.max"),
  /** Rates on a block device; see {@link IoMax}. */
  IO_MAX("io.max");

  private final String wireName;

  Limit(String wireName) {
    this.wireName = wireName;
  }

  /** The kernel's name of the limit on cgroup v2, also used in JSON and meters. */
  public String wireName() {
    return wireName;
  }

  static Limit of(Object wireName) {
    for (Limit limit : values()) {
      if (limit.wireName.equals(wireName)) {
        return limit;
      }
    }
    throw new IllegalArgumentException("unknown limit '" + wireName + "'");
  }
}
