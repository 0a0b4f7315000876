package io.ffrtmp.governance;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What became of the processes of a workload that was attached to. */
public final class Moved extends WireValue {
  /**
   * A process that could not be moved into the job's group, or back to where it came from.
   *
   * @param pid its id
   * @param reason why, with the errno's name if the kernel gave one
   */
  public record NotMoved(long pid, String reason) {
    /**
     * Checks the id.
     *
     * @throws IllegalArgumentException if no process can have it
     */
    public NotMoved {
      Checks.between("pid", pid, 1, Integer.MAX_VALUE);
    }

    private Map<String, Object> toJson() {
      return new WireValue(
          Map.of("pid", pid, "reason", reason), List.of("pid", "reason")) {}.content();
    }

    private static NotMoved fromJson(Object json) {
      WireValue raw = new WireValue(object(json)) {};
      return new NotMoved(
          raw.need("pid", WireValue::integer), raw.need("reason", String.class::cast));
    }
  }

  private Moved(Map<String, Object> json) {
    super(json, List.of("moved", "charged_elsewhere_bytes", "not_moved", "barred_cgroup"));
  }

  /**
   * What became of them.
   *
   * @throws IllegalArgumentException if a number is negative
   */
  public static Moved of(long processes, long chargedElsewhereBytes, List<NotMoved> notMoved) {
    return new Moved(
        Map.of(
            "moved", Checks.between("moved", processes, 0, Integer.MAX_VALUE),
            "charged_elsewhere_bytes",
                Checks.between("bytes charged elsewhere", chargedElsewhereBytes, 0, Long.MAX_VALUE),
            "not_moved", notMoved.stream().map(NotMoved::toJson).toList()));
  }

  static Moved fromJson(Map<String, Object> json) {
    Moved raw = new Moved(json);
    Moved moved = of(raw.processes(), raw.chargedElsewhereBytes(), raw.notMoved());
    return raw.barredCgroup().map(moved::barredCgroup).orElse(moved);
  }

  /** The same, but for who was not moved. */
  public Moved notMoved(List<NotMoved> all) {
    return new Moved(with("not_moved", all.stream().map(NotMoved::toJson).toList()));
  }

  /** The same, with the directory of a cgroup that no process can enter meanwhile. */
  public Moved barredCgroup(String directory) {
    return new Moved(with("barred_cgroup", directory));
  }

  /** How many processes were moved into the job's group: the leader and its descendants. */
  public long processes() {
    return need("moved", WireValue::integer);
  }

  /**
   * The anonymous and shared memory, in bytes, that the moved processes had resident then; what
   * they share counts for each. It stays charged to the group from which they came, and {@code
   * memory.max} does not count it.
   */
  public long chargedElsewhereBytes() {
    return need("charged_elsewhere_bytes", WireValue::integer);
  }

  /** Who was not moved, and why. */
  public List<NotMoved> notMoved() {
    return need("not_moved", all -> ((List<?>) all).stream().map(NotMoved::fromJson).toList());
  }

  /**
   * The directory of the cgroup that the processes came from, if no process can enter it until they
   * are released or have ended: on cgroup v2 one that hands down controllers, as limits within need
   * it, takes none (cgroup-v2.rst, "No Internal Process Constraint"). Whoever starts something
   * there gets EBUSY; systemd does for {@code ExecReload=} and {@code ExecStop=} of a unit that is
   * not delegated. As it was when the job was attached to or taken over.
   */
  public Optional<String> barredCgroup() {
    return text("barred_cgroup");
  }
}
