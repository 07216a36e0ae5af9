meta:
  id: smartdot
  title: SmartDot memory image or capture, format version 1
  file-extension: smartdot
  endian: le
  ks-version: '0.10'
doc: |
  What stands in a SmartDot's memory, and a capture: its first page and one record's pages. FORMAT.md beside this file is
  the document that holds; section numbers are its own.

  Kaitai Struct computes no checksum: compare `page.crc` with the CRC-32 (ISO-HDLC) of `page.covered` before a page's body
  is believed. Bodies are instances, read when they are asked for, so a damaged page disturbs no other.
  A memory image has `first.page_count` pages; a capture as a device gives it has fewer.
doc-ref: FORMAT.md
seq:
  - id: first_page
    size: 256
    type: page
    doc: Page 0 of memory, section 3.1.
instances:
  magic:
    pos: 16
    contents: SMARTDOT
    doc: In every version.
  format_version:
    pos: 24
    type: u2
    doc: In every version; nothing else may be read unless it is 1.
  page_total:
    value: _io.size / 256
    doc: Whole pages that are there.
  first:
    value: first_page.first
  is_memory_image:
    value: _io.size == first.page_count * 256
  pages:
    pos: 0
    size: 256
    type: page
    repeat: expr
    repeat-expr: page_total
  directory:
    type: slot_page(_index)
    repeat: expr
    repeat-expr: first.directory_pages
    if: is_memory_image
    doc: Section 3.2. A slot that is erased or damaged is empty.
  captured:
    type: record(1, page_total - 1)
    if: not is_memory_image
    doc: The record of a capture, section 5.
types:
  page:
    doc: 256 bytes, section 2.
    seq:
      - id: crc
        type: u4
      - id: kind
        type: u1
        enum: page_kind
      - id: reserved
        size: 3
      - id: record
        type: u4
      - id: number
        type: u4
      - id: body
        size: 240
    instances:
      covered:
        pos: 4
        size: 252
        doc: The bytes that `crc` covers.
      first:
        pos: 16
        type: first_body
        if: kind == page_kind::first
      slot:
        pos: 16
        type: slot_body
        if: kind == page_kind::directory
      header:
        pos: 16
        type: header_body
        if: kind == page_kind::header
      data:
        pos: 16
        type: data_body
        if: kind == page_kind::data
      end:
        pos: 16
        type: end_body
        if: kind == page_kind::end
  version:
    seq:
      - id: major
        type: u1
      - id: minor
        type: u1
      - id: patch
        type: u1
  first_body:
    doc: Section 3.1.
    seq:
      - id: magic
        contents: SMARTDOT
      - id: format_version
        type: u2
      - id: page_size
        type: u2
      - id: page_count
        type: u4
      - id: directory_pages
        type: u4
      - id: hardware_version
        type: version
      - id: reserved_39
        size: 1
      - id: firmware_version
        type: version
      - id: reserved_43
        size: 1
      - id: serial
        type: strz
        size: 16
        encoding: ASCII
    instances:
      first_ring_page:
        value: directory_pages + 1
      ring_pages:
        value: page_count - directory_pages - 1
  slot_body:
    doc: Section 3.2.
    seq:
      - id: first_page
        type: u4
      - id: page_count
        type: u4
  slot_page:
    doc: A place of the directory, and the record that it names.
    params:
      - id: number
        type: u4
    instances:
      page:
        io: _root._io
        pos: (number + 1) * 256
        size: 256
        type: page
      named:
        type: record(page.slot.first_page, page.slot.page_count)
        if: page.kind == page_kind::directory
        doc: To be asked for only when the slot's checksum and values are right.
  sensor:
    doc: A sensor's settings, section 4.1.
    seq:
      - id: kind
        type: u1
        enum: sensor_kind
      - id: axes
        type: u1
      - id: sample_type
        type: u1
        enum: sample_type
      - id: reserved
        size: 1
      - id: rate_millihertz
        type: u4
      - id: lsb_per_unit
        type: f8
      - id: full_scale
        type: f4
      - id: clip_low
        type:
          switch-on: sample_type
          cases:
            'sample_type::i16': s2
            _: u2
      - id: clip_high
        type:
          switch-on: sample_type
          cases:
            'sample_type::i16': s2
            _: u2
  header_body:
    doc: Section 4.1.
    seq:
      - id: start_ticks
        type: u8
      - id: tick_hz
        type: u4
      - id: sensor_count
        type: u1
      - id: reserved
        size: 1
      - id: power_up
        type: u2
      - id: sensors
        type: sensor
        repeat: expr
        repeat-expr: sensor_count
  data_body:
    doc: Section 4.2. The samples need the header, so they are a `block`'s.
    seq:
      - id: sensor
        type: u1
      - id: timing
        type: u1
        enum: timing
      - id: count
        type: u2
      - id: first_index
        type: u4
      - id: first_ticks
        type: u8
      - id: span_ticks
        type: u4
      - id: offsets
        type: u4
        repeat: expr
        repeat-expr: count
        if: timing == timing::offsets
  total:
    seq:
      - id: stored
        type: u4
      - id: made
        type: u4
      - id: clipped
        type: u4
  end_body:
    doc: Section 4.3.
    seq:
      - id: end_ticks
        type: u8
      - id: page_count
        type: u4
      - id: sensor_count
        type: u1
      - id: reason
        type: u1
        enum: end_reason
      - id: reserved
        size: 2
      - id: totals
        type: total
        repeat: expr
        repeat-expr: sensor_count
  record:
    doc: The pages of one record in their order, around the end of the ring in a memory image.
    params:
      - id: begin
        type: u4
        doc: The page of the file that holds the header.
      - id: page_count
        type: u4
    instances:
      pages:
        type: record_page(begin, _index)
        repeat: expr
        repeat-expr: page_count
      header:
        value: pages[0].page.header
  record_page:
    params:
      - id: begin
        type: u4
      - id: number
        type: u4
    instances:
      place:
        value: >-
          begin + number < _root.page_total
          ? begin + number
          : begin + number - _root.first.ring_pages
      page:
        io: _root._io
        pos: place * 256
        size: 256
        type: page
      block:
        io: page._io
        pos: '36 + (page.data.timing == timing::offsets ? 4 * page.data.count : 0)'
        type: samples(page.data.count, _parent.header.sensors[page.data.sensor])
        if: page.kind == page_kind::data
  samples:
    doc: The counts of a data page, sample after sample, axis after axis.
    params:
      - id: count
        type: u4
      - id: settings
        type: sensor
    seq:
      - id: counts
        type:
          switch-on: settings.sample_type
          cases:
            'sample_type::i16': s2
            'sample_type::u16': u2
        repeat: expr
        repeat-expr: count * settings.axes
enums:
  page_kind:
    1: first
    2: directory
    3: header
    4: data
    5: end
  sensor_kind:
    1: accelerometer
    2: gyroscope
    3: magnetometer
    4: light
  sample_type:
    1: i16
    2: u16
  timing:
    1: even
    2: offsets
  end_reason:
    1: shot_over
    2: memory_full
    3: power_low
