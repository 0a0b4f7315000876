package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * What a job's directory remembers, so that another JVM can find the job: an extended attribute
 * that lives exactly as long as the group. Whoever may write there may have written it, so it is a
 * hint to be proven, never an authority. Immutable.
 *
 * <p>Its bytes are {@code KEY=VALUE} in UTF-8, each ended by a NUL, which no value can hold: {@code
 * schema}, {@code id}, {@code mode}, {@code intent}; {@code owner}, the process that watches the
 * job, until it lets go; {@code leader}, the workload's first process, from when it is known until
 * its end was told; each limit asked for, and {@code unmet:LIMIT}, what became of one that is not
 * in force; {@code place:HIERARCHY}, where the home is; {@code origin:HIERARCHY}, where an attached
 * process came from that left its place; and what became of the processes that were attached to.
 */
public record Mark(Map<String, String> fields) {
  /** Where there is no group to bear one. */
  public static final Mark BLANK = new Mark(Map.of());

  private static final String SCHEMA = "1";
  private static final String PLACE = "place:";
  private static final String ORIGIN = "origin:";
  private static final String NOT_MOVED = "not_moved:";
  private static final String UNMET = "unmet:";

  /** A limit asked for, in the kernel's form of v2. */
  record Asked(Limit limit, String text) {
    private String key() {
      return Mark.key("", limit.wireName() + " " + text);
    }
  }

  /** A mark owned by this process; no leader is known yet. */
  public static Mark of(String id, Mode mode, Optional<String> intent, Limits limits) {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("schema", SCHEMA);
    fields.put("id", id);
    fields.put("mode", mode.wireName());
    intent.ifPresent(word -> fields.put("intent", word));
    for (Asked each : asked(limits)) {
      String name = each.limit.wireName();
      fields.put(each.limit == Limit.IO_MAX ? name + "." + fields.size() : name, each.text);
    }
    return new Mark(fields).claimed();
  }

  /** The limits, each in the kernel's form. */
  static List<Asked> asked(Limits limits) {
    List<Asked> all = new ArrayList<>();
    if (limits.isEmpty()) {
      return all;
    }
    limits.cpuMax().ifPresent(max -> all.add(new Asked(Limit.CPU_MAX, max.toString())));
    limits.cpuWeight().ifPresent(weight -> all.add(new Asked(Limit.CPU_WEIGHT, "" + weight)));
    limits.memoryMaxBytes().ifPresent(most -> all.add(new Asked(Limit.MEMORY_MAX, "" + most)));
    limits.ioMax().forEach(max -> all.add(new Asked(Limit.IO_MAX, max.toString())));
    return all;
  }

  private Mark with(String key, Optional<String> value) {
    Map<String, String> changed = new LinkedHashMap<>(fields);
    changed.remove(key);
    value.ifPresent(it -> changed.put(key, it));
    return new Mark(Collections.unmodifiableMap(changed));
  }

  /** The same, owned by this process. */
  public Mark claimed() {
    return with("owner", Optional.of(ProcessKey.self().toString()));
  }

  /** The same without an owner: whoever finds the job may claim it, or remove its empty group. */
  public Mark disowned() {
    return with("owner", Optional.empty());
  }

  /** The same with the workload's leader; its start time as in {@link ProcessKey}. */
  public Mark leader(int pid, long startTime) {
    return with("leader", Optional.of(ProcessKey.of(pid, startTime).toString()));
  }

  /** The same without a leader: its end was told. */
  public Mark ended() {
    return with("leader", Optional.empty());
  }

  /** The same with what became of the processes that were attached to. */
  public Mark moved(Moved moved) {
    Mark more =
        with("moved", Optional.of("" + moved.processes()))
            .with("charged", Optional.of("" + moved.chargedElsewhereBytes()));
    Map<String, String> not = new LinkedHashMap<>();
    moved.notMoved().forEach(each -> not.put("" + each.pid(), each.reason()));
    return more.with(NOT_MOVED, not);
  }

  /** The same as before the processes were moved, as they are put back now. */
  Mark halfReleased() {
    return with("moved", Optional.empty());
  }

  /** Whether its governor attached or released, and had not finished. */
  public boolean halfAttached() {
    return mode() == Mode.ATTACH && moved().isEmpty();
  }

  /** What became of the processes; empty for a job that was started, or half attached. */
  public Optional<Moved> moved() {
    List<NotMoved> not = new ArrayList<>();
    try {
      for (Map.Entry<String, String> each : fields.entrySet()) {
        if (each.getKey().startsWith(NOT_MOVED)) {
          long pid = Long.parseLong(each.getKey().substring(NOT_MOVED.length()));
          not.add(new NotMoved(pid, each.getValue()));
        }
      }
      long processes = Long.parseLong(fields.getOrDefault("moved", ""));
      long charged = Long.parseLong(fields.getOrDefault("charged", ""));
      return Optional.of(Moved.of(processes, charged, not));
    } catch (IllegalArgumentException none) {
      return Optional.empty();
    }
  }

  /** The same with the places of a home, by how {@code /proc/PID/cgroup} calls the hierarchies. */
  Mark places(Map<String, String> paths) {
    return with(PLACE, paths);
  }

  /** The same with where the processes came from. */
  Mark origins(Map<String, String> paths) {
    return with(ORIGIN, paths);
  }

  private Mark with(String prefix, Map<String, String> paths) {
    Map<String, String> more = new LinkedHashMap<>(fields);
    paths.forEach((hierarchy, path) -> more.put(key(prefix, hierarchy), path));
    return new Mark(Collections.unmodifiableMap(more));
  }

  /** A key is ended by =, which a limit has within, and a hierarchy that has a name. */
  private static String key(String prefix, String rest) {
    return prefix + rest.replace('=', ':');
  }

  /** The job's id. */
  public String id() {
    return fields.getOrDefault("id", "");
  }

  /** How the job began. */
  public Mode mode() {
    return "attach".equals(fields.get("mode")) ? Mode.ATTACH : Mode.RUN;
  }

  /** What it is for. */
  public Optional<String> intent() {
    return Optional.ofNullable(fields.get("intent"));
  }

  /** The process that watches it, if it may be alive. */
  public Optional<ProcessKey> liveOwner() {
    return process("owner").filter(ProcessKey::alive);
  }

  /** The workload's first process, if it is known and its end was not told yet. */
  public Optional<ProcessKey> leader() {
    return process("leader");
  }

  private Optional<ProcessKey> process(String key) {
    return Optional.ofNullable(fields.get(key)).map(ProcessKey::parse);
  }

  /** The limits that were asked for. */
  Limits limits() {
    Limits all = Limits.NONE;
    for (Map.Entry<String, String> each : fields.entrySet()) {
      String text = each.getValue();
      all =
          switch (each.getKey().replaceFirst("\\.\\d+$", "")) {
            case "cpu.max" -> all.cpuMax(CpuMax.parse(text));
            case "cpu.weight" -> all.cpuWeight(Integer.parseInt(text));
            case "memory.max" -> all.memoryMaxBytes(Long.parseLong(text));
            case "io.max" -> all.ioMax(IoMax.parse(text));
            default -> all;
          };
    }
    return all;
  }

  /** The same with the status of each limit that is not in force, as nobody can read it back. */
  public Mark unmet(List<LimitOutcome> outcomes) {
    Map<String, String> unmet = new LinkedHashMap<>();
    outcomes.stream()
        .filter(each -> !each.status().inForce())
        .forEach(
            each ->
                unmet.put(new Asked(each.limit(), each.asked()).key(), each.status().wireName()));
    return with(UNMET, unmet);
  }

  /** What became of a limit that was not in force when the job began. */
  Optional<Status> unmet(Asked asked) {
    return Stream.of(Status.SUBSTITUTED, Status.DENIED, Status.UNSUPPORTED)
        .filter(each -> each.wireName().equals(fields.get(UNMET + asked.key())))
        .findFirst();
  }

  /** Where the home is in a hierarchy, as a path. */
  Optional<String> place(Hierarchy hierarchy) {
    return Optional.ofNullable(fields.get(key(PLACE, hierarchy.field())));
  }

  /** Where an attached process came from in a hierarchy, as a path. */
  Optional<String> origin(Hierarchy hierarchy) {
    return Optional.ofNullable(fields.get(key(ORIGIN, hierarchy.field())));
  }

  /**
   * The bytes to store. Where they are too many, one process that was not moved stands for all; and
   * if that is not enough, limits on devices are left out.
   */
  public byte[] encode() {
    byte[] whole = encode(fields);
    return whole.length <= Libc.XATTR_SIZE_MAX ? whole : encodeLess();
  }

  private byte[] encodeLess() {
    Map<String, String> less = new LinkedHashMap<>(fields);
    List<String> not = fields.keySet().stream().filter(key -> key.startsWith(NOT_MOVED)).toList();
    if (not.size() > 1) {
      String more = "; and " + (not.size() - 1) + " more, for whom the mark has no room";
      less.keySet().removeAll(not.subList(1, not.size()));
      less.merge(not.get(0), more, String::concat);
    }
    if (encode(less).length > Libc.XATTR_SIZE_MAX) {
      less.keySet().removeIf(key -> key.contains(Limit.IO_MAX.wireName()));
    }
    return encode(less);
  }

  private static byte[] encode(Map<String, String> fields) {
    StringBuilder text = new StringBuilder();
    fields.forEach((key, value) -> text.append(key).append('=').append(value).append('\0'));
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  /** The mark of a directory; one that is not known, or names another group, is none. */
  static Optional<Mark> read(CgroupFiles files, String directory) throws ErrnoException {
    return files.mark(directory).flatMap(Mark::parse).filter(it -> it.isOf(directory));
  }

  /** Whether it names this directory. */
  boolean isOf(String directory) {
    return directory.endsWith("/" + id());
  }

  /**
   * Reads a mark; empty if any of it could not be one of ours, or is of a schema that we don't
   * know.
   */
  public static Optional<Mark> parse(byte[] bytes) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String field : new String(bytes, StandardCharsets.UTF_8).split("\0")) {
      String[] pair = field.split("=", 2);
      fields.put(pair[0], pair[pair.length - 1]);
    }
    Mark mark = new Mark(Collections.unmodifiableMap(fields));
    try {
      mark.process("owner");
      Optional<Long> leader = mark.leader().map(it -> (long) it.pid());
      OptionalLong pid = leader.map(OptionalLong::of).orElse(OptionalLong.empty());
      JobStart.of(mark.id(), pid, mark.mode(), mark.intent(), Instant.EPOCH);
      mark.limits();
      boolean modes = List.of("run", "attach").contains(fields.getOrDefault("mode", ""));
      boolean known = SCHEMA.equals(fields.get("schema")) && modes;
      return known ? Optional.of(mark) : Optional.empty();
    } catch (IllegalArgumentException garbage) {
      return Optional.empty();
    }
  }
}
