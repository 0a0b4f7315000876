package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a job's directory remembers, so that another JVM can find the job: an extended attribute
 * that lives exactly as long as the group. Whoever may write there may have written it, so it is a
 * hint to be proven, never an authority.
 *
 * <p>Its bytes are {@code KEY=VALUE} in UTF-8, each ended by a NUL, which no value can hold.
 *
 * @param owner the process that watches the job; none once it let go
 * @param nonce tells apart the governors of one process; empty without an owner
 * @param leader the workload's first process, once known
 */
public record Mark(
    String id,
    Mode mode,
    Optional<String> intent,
    Limits limits,
    Optional<ProcessKey> owner,
    String nonce,
    Optional<ProcessKey> leader) {
  private static final String SCHEMA = "1";

  /** What getxattr(2) is given room for; limits on devices that do not fit are left out. */
  private static final int LARGEST = 8_000;

  /** A mark owned by this process's governor of that nonce; no leader is known yet. */
  public static Mark of(
      String id, Mode mode, Optional<String> intent, Limits limits, String nonce) {
    Optional<ProcessKey> none = Optional.empty();
    return new Mark(id, mode, intent, limits, none, "", none).claimed(nonce);
  }

  /** The same, owned by this process's governor of that nonce. */
  public Mark claimed(String nonce) {
    Optional<ProcessKey> self = Optional.of(ProcessKey.self());
    return new Mark(id, mode, intent, limits, self, nonce, leader);
  }

  /** The same without an owner: whoever finds the group empty may remove it. */
  public Mark disowned() {
    return new Mark(id, mode, intent, limits, Optional.empty(), "", leader);
  }

  /** The same with the workload's leader; its start time as in {@link ProcessKey}. */
  public Mark leader(int pid, long startTime) {
    Optional<ProcessKey> known = Optional.of(ProcessKey.of(pid, startTime));
    return new Mark(id, mode, intent, limits, owner, nonce, known);
  }

  /** Whether a governor that may be alive owns the job. */
  public boolean ownerAlive() {
    return owner.isPresent() && owner.get().alive();
  }

  /** The bytes to store. */
  public byte[] encode() {
    byte[] whole = encode(true);
    return whole.length > LARGEST ? encode(false) : whole;
  }

  private byte[] encode(boolean devices) {
    StringBuilder text = new StringBuilder();
    put(text, "schema", SCHEMA);
    put(text, "id", id);
    put(text, "mode", mode.name());
    intent.ifPresent(word -> put(text, "intent", word));
    owner.ifPresent(process -> put(text, "owner", process));
    put(text, "nonce", nonce);
    leader.ifPresent(process -> put(text, "leader", process));
    limits.cpuMax().ifPresent(max -> put(text, "cpu.max", max));
    limits.cpuWeight().ifPresent(weight -> put(text, "cpu.weight", weight));
    limits.memoryMaxBytes().ifPresent(bytes -> put(text, "memory.max", bytes));
    for (int i = 0; devices && i < limits.ioMax().size(); i++) {
      put(text, "io.max." + i, limits.ioMax().get(i));
    }
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void put(StringBuilder text, String key, Object value) {
    text.append(key).append('=').append(value).append('\0');
  }

  /** Reads a mark; empty if it is garbage, or of a schema that we don't know. */
  public static Optional<Mark> parse(byte[] bytes) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String field : new String(bytes, StandardCharsets.UTF_8).split("\0")) {
      String[] pair = field.split("=", 2);
      fields.put(pair[0], pair[pair.length - 1]);
    }
    try {
      boolean known = SCHEMA.equals(fields.get("schema")) && fields.containsKey("id");
      return known ? Optional.of(parse(fields)) : Optional.empty();
    } catch (IllegalArgumentException garbage) {
      return Optional.empty();
    }
  }

  private static Mark parse(Map<String, String> fields) {
    return new Mark(
        fields.getOrDefault("id", ""),
        Mode.valueOf(fields.getOrDefault("mode", "")),
        Optional.ofNullable(fields.get("intent")),
        limits(fields),
        Optional.ofNullable(fields.get("owner")).map(ProcessKey::parse),
        fields.getOrDefault("nonce", ""),
        Optional.ofNullable(fields.get("leader")).map(ProcessKey::parse));
  }

  private static Limits limits(Map<String, String> fields) {
    Limits limits = Limits.NONE;
    for (Map.Entry<String, String> field : fields.entrySet()) {
      String key = field.getKey();
      String value = field.getValue();
      limits =
          switch (key) {
            case "cpu.max" -> limits.cpuMax(CpuMax.parse(value));
            case "cpu.weight" -> limits.cpuWeight(Integer.parseInt(value));
            case "memory.max" -> limits.memoryMaxBytes(Long.parseLong(value));
            default -> key.startsWith("io.max.") ? limits.ioMax(IoMax.parse(value)) : limits;
          };
    }
    return limits;
  }
}
